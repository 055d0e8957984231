/** What a ClickHouse server is told by deploy/clickhouse. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { migrated, places } from "./support/ClickHouse.ts"
import { content, folder, list } from "./support/Yaml.ts"

describe("the files of deploy/clickhouse", () => {
  it("are mounted by the compose file where a server looks for them", () => {
    const mounted = list(content("compose.yaml"), "services", "clickhouse", "volumes")
    for (const [file, place] of Object.entries(places)) {
      assert.include(mounted, `./clickhouse/${file}:/etc/clickhouse-server/${place}:ro`)
    }
  })

  it("tell a server's reader of Kafka what the embedded engine's is told, on which the tests run", () => {
    const text = readFileSync(join(folder, "clickhouse/config.xml"), "utf8").replaceAll(/<!--[\s\S]*?-->/g, "")
    const [, kafka = ""] = /<kafka>([\s\S]*)<\/kafka>/.exec(text) ?? []
    const leaves = (xml: string, prefix = "") =>
      [...xml.matchAll(/<(\w+)>([^<]+)<\/\1>/g)].map(([, name, value]) => `--${prefix}${name}=${value}`)
    const told = [...leaves(text.replace(kafka, "")), ...leaves(kafka, "kafka.")].filter((one) => /=\S/.test(one))
    const engine = readFileSync(join(folder, "../packages/embedded/src/clickhouse/Engine.ts"), "utf8")
    assert.deepStrictEqual(
      told,
      [...engine.matchAll(/"(--(?:background_message_broker|kafka\.)[^"]+)"/g)].map(([, argument]) => argument)
    )
  })

  it.live("let it take events of more months at once than it would by itself", () =>
    Effect.gen(function* () {
      const { command, rows } = yield* migrated()
      const insert = (settings: string) =>
        command(
          `INSERT INTO tributary.events (uuid, event, team_id, timestamp) ${settings}
           SELECT generateUUIDv4(), 'e', 1, toDateTime64('1990-01-01 00:00:00', 6, 'UTC') + INTERVAL number MONTH FROM numbers(150)`
        )
      const { message } = yield* Effect.flip(insert("SETTINGS max_partitions_per_insert_block = 100"))
      assert.match(message, /Code: 252\./)
      yield* insert("")
      const counted = yield* rows("SELECT count() AS n, uniqExact(toYYYYMM(timestamp)) AS months FROM tributary.events")
      assert.deepStrictEqual(
        counted.map((row) => [Number(row["n"]), Number(row["months"])]),
        [[150, 150]]
      )
    })
  )
})
