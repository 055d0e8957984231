/**
 * The database server as its clients meet it: sessions over the network, a call a statement. A session that breaks loses its
 * transaction, unless the commit had arrived: then nobody was told.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Machine, Process, Timer } from "../machine/Machine.ts"
import type { Network, Server } from "../world/Network.ts"
import { atOnce, type DbError, dbError, Engine, type Statement, type Tx } from "./Engine.ts"
import * as Tables from "./Tables.ts"

/** One transaction of a client. */
export interface Session {
  readonly run: <A>(name: string, statement: (tx: Tx) => Statement<A>) => Effect.Effect<A, DbError>
  /** Called at the instant of the commit, whether the client learns of it or not. */
  readonly onCommit: (tell: () => void) => void
}

interface Connection {
  readonly process: Process
  readonly tx: Tx
  isBroken: boolean
  /** Ends the session when its transaction has nothing to do for too long. */
  idle: Timer | undefined
  /** The client is done with it; it ends when what it has sent has arrived. */
  isLeft: boolean
  inFlight: number
}

const connect = (process: Process, tx: Tx): Connection => ({
  process,
  tx,
  isBroken: false,
  idle: undefined,
  isLeft: false,
  inFlight: 0
})

/** `idle_in_transaction_session_timeout`, in milliseconds. */
const idleTimeout = 30_000

const nothing = atOnce((): void => {})

export class Postgres {
  readonly server: Server = { name: "PostgreSQL", awayUntil: 0 }
  readonly tables = Tables.make()
  readonly engine: Engine
  readonly #machine: Machine
  readonly #network: Network
  readonly #connections = new Set<Connection>()

  constructor(machine: Machine, network: Network) {
    this.#machine = machine
    this.#network = network
    this.engine = new Engine(machine)
  }

  get now(): number {
    return this.#machine.now
  }

  /** All or nothing: `body` in one transaction, rolled back when it fails or is interrupted. */
  transaction<A, E>(
    process: Process,
    body: (session: Session) => Effect.Effect<A, E | DbError>
  ): Effect.Effect<A, E | DbError> {
    return Effect.suspend(() => {
      const connection = connect(process, this.engine.begin())
      this.#connections.add(connection)
      const session: Session = {
        run: (name, statement) => this.#statement(connection, name, statement),
        onCommit: (tell) => void connection.tx.onCommit.push(tell)
      }
      return body(session).pipe(
        Effect.tap(() => this.#statement(connection, "commit", nothing, true)),
        Effect.onExit(() => Effect.sync(() => this.#leave(connection)))
      )
    })
  }

  /** One statement that commits by itself. */
  once<A>(process: Process, name: string, statement: (tx: Tx) => Statement<A>): Effect.Effect<A, DbError> {
    return Effect.suspend(() => {
      const connection = connect(process, this.engine.begin())
      return this.#statement(connection, name, statement, true)
    })
  }

  /** A process died, or was stopped: the server notices after a while, and ends what it had open. */
  notice(process: Process, ms: number): void {
    for (const connection of this.#connections) {
      if (connection.process === process) this.#machine.after(Math.min(ms, idleTimeout), () => this.#close(connection))
    }
  }

  /** Its transactions in progress are gone. */
  goAway(): void {
    this.engine.abortAll()
    for (const connection of this.#connections) this.#close(connection)
  }

  #leave(connection: Connection): void {
    connection.isLeft = true
    if (connection.inFlight === 0) this.#machine.after(this.#network.latency(), () => this.#close(connection))
  }

  #close(connection: Connection): void {
    connection.isBroken = true
    this.#hear(connection)
    this.#connections.delete(connection)
    this.engine.abort(connection.tx)
  }

  /** A statement was answered: the transaction has nothing to do. */
  #rest(connection: Connection): void {
    if (connection.tx.state === "open")
      connection.idle = this.#machine.after(idleTimeout, () => this.#close(connection))
  }

  #hear({ idle }: Connection): void {
    if (idle !== undefined) this.#machine.cancel(idle)
  }

  #statement<A>(
    connection: Connection,
    name: string,
    statement: (tx: Tx) => Statement<A>,
    isCommitted = false
  ): Effect.Effect<A, DbError> {
    const { process, tx } = connection
    connection.inFlight += 1
    return this.#network.call<A, DbError>({
      from: process,
      to: this.server,
      name,
      lost: () => dbError("08006"),
      refused: () => {
        this.engine.abort(tx)
        return dbError("40001")
      },
      broken: () => this.#machine.after(this.#network.latency(), () => this.#close(connection)),
      serve: (answer) => {
        connection.inFlight -= 1
        if (connection.isBroken) return void answer(Exit.fail(dbError("08006")))
        this.#hear(connection)
        this.engine.run(tx, statement(tx), (exit) => {
          if (isCommitted && exit._tag === "Success") this.engine.commit(tx)
          if (connection.isLeft) this.#close(connection)
          else this.#rest(connection)
          answer(exit)
        })
      }
    })
  }
}
