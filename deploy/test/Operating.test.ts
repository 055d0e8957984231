/** The pages of docs/operating, and the comments of deploy, name what is there: settings, topics with their sizes, metrics, rights, files. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Topics from "@tributary/domain/row/Topics"
import * as MessageSize from "@tributary/pipeline/service/MessageSize"
import { known, sources } from "./support/Settings.ts"
import { documents, files } from "./support/Yaml.ts"

const root = join(import.meta.dirname, "../..")
const folder = join(root, "docs/operating")
const pages = new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]))

/** Those of `deploy` itself, without the tests, by their paths from the root. */
const deployed = readdirSync(join(root, "deploy"), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && !entry.parentPath.startsWith(join(root, "deploy/test")))
  .map((entry) => join(entry.parentPath, entry.name))

/** What the operator makes. */
const notThere = new Set(["deploy/.env"])

/** What stands between backticks. */
const quoted = (text: string): ReadonlyArray<string> => [...text.matchAll(/`([^`\n]+)`/g)].map(([, code = ""]) => code)

/** The first cells of a text's tables. */
const firstCells = (text: string): ReadonlyArray<string> =>
  [...text.matchAll(/^\| (.+?) \|/gm)].flatMap(([, cell = ""]) => quoted(cell))

const [metricsPage = "", tracesPage = ""] = (pages.get("metrics.md") ?? "").split("\n## Traces\n")
const telling = ["packages/pipeline/src", "packages/runtime-node/src"].map(sources).join("\n")
/** Kind, name and, where it follows, the text of each metric. */
const metrics = [
  ...telling.matchAll(
    /(?:Metric\.(counter|gauge|histogram)|= (counter))\(\s*"(\w+)"(?:,\s*(?:\{\s*description:\s*)?"([^"]+)")?/g
  )
].map(([, kind, short, name = "", text = ""]) => ({ kind: kind ?? short, name, text }))

describe("docs/operating", () => {
  for (const [name, text] of pages) {
    it(`${name} names only settings that a program reads, and files that exist`, () => {
      // Names in capitals with an underscore; ClickHouse's and Kubernetes' words have none.
      const settings = quoted(text).flatMap((code) => code.match(/\b[A-Z][A-Z\d]*(?:_[A-Z\d]+)+\b/g) ?? [])
      assert.deepStrictEqual(
        settings.filter((setting) => !known.has(setting) && setting !== "NODE_EXTRA_CA_CERTS"),
        []
      )
      for (const [, target = ""] of text.matchAll(/\]\(([^)]+)\)/g))
        assert.isTrue(existsSync(join(folder, target)), target)
      for (const [path] of text.matchAll(/\bdeploy\/[\w./-]*\w/g)) {
        if (!notThere.has(path)) assert.isTrue(existsSync(join(root, path)), path)
      }
    })
  }

  it("is what files of deploy mean by its pages, and other files that they name exist, too", () => {
    for (const file of deployed) {
      const text = readFileSync(file, "utf8")
      for (const [path] of text.matchAll(/(?<![\w./-])(?:deploy|docs|packages)\/[\w./-]*\w/g)) {
        if (!notThere.has(path)) assert.isTrue(existsSync(join(root, path)), `${file} names ${path}`)
      }
      for (const [path] of text.matchAll(/(?<=# .*)(?:\.\.\/)+[\w./-]*\w/g)) {
        assert.isTrue(existsSync(join(dirname(file), path)), `${file} names ${path}`)
      }
    }
  })

  it("topics.md has every topic, with the size that programs ask of it", () => {
    const rows = [...(pages.get("topics.md") ?? "").matchAll(/^\| `(\w+)` \|.*?\| (\d+) \| [^|]+\|$/gm)]
    const names = Object.values(Topics).filter((topic) => typeof topic === "string")
    assert.deepStrictEqual(rows.map(([, topic]) => topic).toSorted(), names.toSorted())
    for (const [, topic = "", bytes] of rows) assert.strictEqual(Number(bytes), MessageSize.limit(topic), topic)
  })

  it("metrics.md has every metric, and no other", () => {
    assert.deepStrictEqual(firstCells(metricsPage).toSorted(), metrics.map(({ name }) => name).toSorted())
  })

  it("metrics.md has every span, and of others only those of the SQL client", () => {
    const spans = [...telling.matchAll(/Span\.within\(\s*"([\w.]+)"/g)].map(([, name]) => name)
    assert.deepStrictEqual(firstCells(tracesPage).toSorted(), [...spans, "sql.transaction"].toSorted())
    assert.notInclude(telling, 'Effect.withSpan("')
  })

  it("metrics are named as Prometheus wants it: counters end in _total, times are in seconds, and each is explained", () => {
    // PostHog's own.
    const kept = new Set(["capture_error_by_stage_and_type"])
    for (const { kind, name, text } of metrics) {
      if (!kept.has(name)) assert.strictEqual(name.endsWith("_total"), kind === "counter", name)
      assert.notMatch(name, /_(?:ms|millis|milliseconds|minutes|kb|mb)(?:_|$)/, name)
      assert.isAbove(text.length, 10, name)
    }
  })

  it("rights.md grants a worker what it asks ClickHouse for once the tables stand, also on a cluster", () => {
    const [, granted = ""] = /^\| worker whose tables stand \| (.*) \|$/m.exec(pages.get("rights.md") ?? "") ?? []
    const asked = sources("packages/runtime-node/src/clickhouse")
    for (const [table] of asked.matchAll(/\bsystem\.[a-z_]+/g)) assert.include(quoted(granted), table)
    assert.strictEqual(asked.includes("clusterAllReplicas("), granted.includes("on a cluster also `REMOTE ON *.*`"))
  })

  it("containers.md lists every secret that the manifests refer to", () => {
    const text = pages.get("containers.md") ?? ""
    for (const path of files("kubernetes")) {
      const file = JSON.stringify(documents(path))
      for (const [, secret] of file.matchAll(/"(?:secretKeyRef":\{"name|secretName|name)":"(tributary-[\w-]+)"/g)) {
        assert.include(text, `\`${secret}\``, path)
      }
    }
  })
})
