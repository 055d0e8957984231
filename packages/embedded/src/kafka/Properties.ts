/**
 * What a broker is told in its files (guides kafka-operations 1 and 2): one node that is broker and controller, alone or
 * one of several on this machine.
 */

/** A node of a cluster, by its two ports on 127.0.0.1. */
export interface Node {
  /** From 1. */
  readonly id: number
  readonly port: number
  readonly controllerPort: number
}

/** A further door for clients, whose other settings (certificates, users) are given as properties. */
export interface Listener {
  readonly protocol: "SSL" | "SASL_PLAINTEXT" | "SASL_SSL"
  readonly port: number
}

export type Settings = Readonly<Record<string, string>>

/** As Java reads properties: a backslash and a line's end must be told as such. */
const asJavaReads = (value: string): string => value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")

const text = (properties: Settings): string =>
  Object.entries(properties)
    .map(([key, value]) => `${key}=${asJavaReads(value)}\n`)
    .join("")

export interface ServerOptions {
  readonly node: Node
  /** All nodes, this one among them. */
  readonly nodes: ReadonlyArray<Node>
  readonly listeners: ReadonlyArray<Listener>
  /** Where the log lies. */
  readonly folder: string
  /** Further ones, and others than ours. */
  readonly settings: Settings
}

export const server = (options: ServerOptions): string => {
  const { node, nodes, listeners } = options
  const clients = [{ protocol: "PLAINTEXT", port: node.port }, ...listeners].map(
    ({ protocol, port }) => `${protocol}://127.0.0.1:${port}`
  )
  const replicas = String(nodes.length)
  const inSync = String(Math.max(1, nodes.length - 1))
  return text({
    "process.roles": "broker,controller",
    "node.id": String(node.id),
    "controller.quorum.voters": nodes.map(({ id, controllerPort }) => `${id}@127.0.0.1:${controllerPort}`).join(","),
    listeners: [...clients, `CONTROLLER://127.0.0.1:${node.controllerPort}`].join(","),
    "advertised.listeners": clients.join(","),
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": ["CONTROLLER:PLAINTEXT", "PLAINTEXT:PLAINTEXT"]
      .concat(listeners.map(({ protocol }) => `${protocol}:${protocol}`))
      .join(","),
    "log.dirs": options.folder,
    "offsets.topic.num.partitions": "4",
    "offsets.topic.replication.factor": replicas,
    "transaction.state.log.num.partitions": "4",
    "transaction.state.log.replication.factor": replicas,
    "transaction.state.log.min.isr": inSync,
    "share.coordinator.state.topic.replication.factor": replicas,
    "share.coordinator.state.topic.min.isr": inSync,
    "default.replication.factor": replicas,
    "min.insync.replicas": inSync,
    "unclean.leader.election.enable": "false",
    "auto.create.topics.enable": "false",
    "message.max.bytes": "8388608",
    "log.segment.bytes": "134217728",
    "group.initial.rebalance.delay.ms": "0",
    // A lone node waits for its own old registration after `kill -9`: 11 s with the default of 9 s.
    "broker.session.timeout.ms": nodes.length === 1 ? "1500" : "6000",
    "broker.heartbeat.interval.ms": "500",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "num.recovery.threads.per.data.dir": "2",
    ...options.settings
  })
}

/** All that is worth a line, on standard output. */
export const log4j: string = text({
  status: "warn",
  // Log4j would complain at every stop that it cannot register its own.
  shutdownHook: "disable",
  "appender.out.type": "Console",
  "appender.out.name": "out",
  "appender.out.layout.type": "PatternLayout",
  "appender.out.layout.pattern": "[%d] %p %m (%c{1})%n",
  "rootLogger.level": "info",
  "rootLogger.appenderRef.out.ref": "out"
})
