/** The pages of docs/operating name what is there: settings, topics with their sizes, metrics, files. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import * as Topics from "@tributary/domain/row/Topics"
import * as MessageSize from "@tributary/pipeline/service/MessageSize"
import { known, sources } from "./support/Settings.ts"
import { documents, files } from "./support/Yaml.ts"

const root = join(import.meta.dirname, "../..")
const folder = join(root, "docs/operating")
const pages = new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]))

/** What stands between backticks. */
const quoted = (text: string): ReadonlyArray<string> => [...text.matchAll(/`([^`\n]+)`/g)].map(([, code = ""]) => code)

/** The first cells of a page's tables. */
const firstCells = (page: string): ReadonlyArray<string> =>
  [...(pages.get(page) ?? "").matchAll(/^\| (.+?) \|/gm)].flatMap(([, cell = ""]) => quoted(cell))

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
        if (path !== "deploy/.env") assert.isTrue(existsSync(join(root, path)), path)
      }
    })
  }

  it("topics.md has every topic, with the size that programs ask of it", () => {
    const rows = [...(pages.get("topics.md") ?? "").matchAll(/^\| `(\w+)` \|.*?\| (\d+) \| [^|]+\|$/gm)]
    const names = Object.values(Topics).filter((topic) => typeof topic === "string")
    assert.deepStrictEqual(rows.map(([, topic]) => topic).toSorted(), names.toSorted())
    for (const [, topic = "", bytes] of rows) assert.strictEqual(Number(bytes), MessageSize.limit(topic), topic)
  })

  it("metrics.md has every metric, and no other", () => {
    const source = ["packages/pipeline/src", "packages/runtime-node/src"].map(sources).join("\n")
    const made = [...source.matchAll(/(?:Metric\.(?:counter|gauge|histogram)|= counter)\(\s*"(\w+)"/g)].map(
      ([, name]) => name
    )
    assert.deepStrictEqual(firstCells("metrics.md").toSorted(), made.toSorted())
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
