import { assert, describe, it } from "@effect/vitest"
import * as Broker from "@tributary/embedded/kafka/Broker"

describe("Broker", () => {
  it("takes the innermost cause of its end out of what it printed", () => {
    const printed = `[2026-11-25 09:38:06,097] INFO Starting (Server)
[2026-11-25 09:38:06,099] ERROR Exiting Kafka due to fatal exception during startup. (Kafka$)
java.lang.RuntimeException: Unable to start acceptor for ListenerName(PLAINTEXT)
\tat kafka.network.DataPlaneAcceptor.start(SocketServer.scala:380)
Caused by: org.apache.kafka.common.KafkaException: Socket server failed to bind to 127.0.0.1:29092: Address already in use.
\t... 4 more
`
    assert.strictEqual(
      Broker.whyEnded(printed),
      "Socket server failed to bind to 127.0.0.1:29092: Address already in use."
    )
  })

  it("takes its line where there is no cause", () => {
    const printed =
      "[2026-11-25 09:38:06,099] ERROR Shutdown broker because all log dirs in /data have failed (LogManager)\n"
    assert.strictEqual(Broker.whyEnded(printed), "Shutdown broker because all log dirs in /data have failed")
  })

  it("knows no cause of an end that the broker did not see coming", () => {
    assert.isUndefined(Broker.whyEnded("[2026-11-25 09:38:06,097] INFO Starting (Server)\n"))
  })
})
