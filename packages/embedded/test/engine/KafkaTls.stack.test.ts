/** ClickHouse reads a Kafka that wants TLS and a password, in the engine program. */
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Admin, Producer } from "@platformatic/kafka"
import { EmbeddedKafka } from "@tributary/embedded/kafka/EmbeddedKafka"
import { Health } from "@tributary/pipeline/service/Health"
import { targets } from "@tributary/pipeline/sink/Tables"
import * as ClickHouseHttp from "@tributary/runtime-node/clickhouse/ClickHouseHttp"
import type * as KafkaTables from "@tributary/runtime-node/clickhouse/KafkaTables"
import * as KafkaWatch from "@tributary/runtime-node/clickhouse/KafkaWatch"
import * as Start from "@tributary/runtime-node/clickhouse/Start"
import { Context, Effect, Layer, Redacted } from "effect"
import * as EngineProcess from "../../src/engine/EngineProcess.ts"
import { folder } from "../clickhouse/support.ts"
import { http, options } from "./support.ts"

/** A certificate for 127.0.0.1 that signs itself, in a keystore of Java's, and as PEM. */
const certificate = () => {
  const place = folder()
  const keystore = join(place, "broker.p12")
  const store = ["-storetype", "PKCS12", "-keystore", keystore, "-storepass", "changeit", "-alias", "broker"]
  const name = ["-dname", "CN=127.0.0.1", "-ext", "SAN=ip:127.0.0.1", "-keyalg", "RSA", "-validity", "2"]
  execFileSync("keytool", ["-genkeypair", ...store, ...name], { stdio: "ignore" })
  const pem = join(place, "broker.pem")
  execFileSync("keytool", ["-exportcert", "-rfc", ...store, "-file", pem], { stdio: "ignore" })
  return { keystore, pem: readFileSync(pem) }
}

const login = "org.apache.kafka.common.security.plain.PlainLoginModule required"

describe("ClickHouse's reading of Kafka over TLS", () => {
  it.live(
    "takes authorities, user and password; tells of a wrong one, and knows PLAIN only",
    () =>
      Effect.gen(function* () {
        const { keystore, pem } = certificate()
        const kafka = EmbeddedKafka.layer({
          dataDir: folder(),
          listeners: ["SASL_SSL"],
          settings: {
            "listener.name.sasl_ssl.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.sasl_ssl.plain.sasl.jaas.config": `${login} user_clickhouse="it's secret";`,
            "ssl.keystore.type": "PKCS12",
            "ssl.keystore.location": keystore,
            "ssl.keystore.password": "changeit",
            "ssl.key.password": "changeit"
          }
        })
        const broker = Context.get(yield* Layer.build(kafka), EmbeddedKafka)
        const bootstrapBrokers = [broker.host]
        yield* Effect.promise(async () => {
          const admin = new Admin({ clientId: "test", bootstrapBrokers })
          for (const { topic } of targets) await admin.createTopics({ topics: [topic], partitions: 1, replicas: 1 })
          await admin.close()
          const producer = new Producer({ clientId: "test", bootstrapBrokers, retries: 100, retryDelay: 100 })
          const value = Buffer.from('{"team_id":1,"group_key":"acme"}')
          await producer.send({ acks: -1, messages: [{ topic: "clickhouse_groups", value }] })
          await producer.close()
        })

        const environment = { LOG_LEVEL: "error", KAFKA_TRUSTED_CERT_B64: pem.toString("base64") }
        const program = yield* EngineProcess.start(options({ environment }))
        const migrate = (mechanism: string, password: string) => {
          const security: KafkaTables.Security = {
            ...{ protocol: "SASL_SSL", mechanism, username: "clickhouse", password: Redacted.make(password) }
          }
          return Start.migrate({
            ...{ database: "tributary", username: "default" },
            kafka: { brokers: broker.hostOf("SASL_SSL") ?? "", topicPrefix: "", groupPrefix: "clickhouse-", security }
          })
        }
        yield* Effect.gen(function* () {
          const { query } = yield* ClickHouseHttp.ClickHouseHttp
          const refused = yield* Effect.flip(migrate("scram-sha-256", "it's secret"))
          assert.match(
            refused.message,
            /^KAFKA_SASL_MECHANISM=SCRAM-SHA-256: the embedded ClickHouse engine knows only PLAIN/
          )

          yield* migrate("plain", "wrong")
          const [failure] = yield* KafkaWatch.failures({ database: "tributary" }).pipe(
            Effect.delay("50 millis"),
            Effect.repeat({ until: (found) => found.length > 0 })
          )
          assert.match(failure?.text ?? "", /authentication/i)

          yield* migrate("plain", "it's secret")
          yield* query("SELECT group_key FROM tributary.groups").pipe(
            Effect.delay("50 millis"),
            Effect.repeat({ until: ([row]) => row?.["group_key"] === "acme" })
          )
          const shown = yield* query("SELECT create_table_query AS sql FROM system.tables WHERE name = 'kafka_groups'")
          assert.notInclude(JSON.stringify(shown), "secret")
        }).pipe(Effect.provide(Layer.merge(http(program), Health.layer)))
      }).pipe(Effect.scoped),
    180_000
  )
})
