/** ClickHouse over the network: the tables in memory, and what a query that merges them would see. */
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { ClickHouseError, ClickHouseSink } from "../../service/ClickHouseSink.ts"
import * as ClickHouseSinkMemory from "../../service/memory/ClickHouseSinkMemory.ts"
import type { Process } from "../machine/Machine.ts"
import type { Network, Server } from "./Network.ts"

const unavailable = () => new ClickHouseError({ reason: "Unavailable", code: 210, message: "the connection broke" })

export class SimClickHouse {
  readonly server: Server = { name: "ClickHouse", awayUntil: 0 }
  readonly tables = ClickHouseSinkMemory.makeTables()
  readonly #network: Network
  readonly #run: <A, E>(effect: Effect.Effect<A, E>, answer: (exit: Exit.Exit<A, E>) => void) => () => void

  constructor(
    network: Network,
    run: <A, E>(effect: Effect.Effect<A, E>, answer: (exit: Exit.Exit<A, E>) => void) => () => void
  ) {
    this.#network = network
    this.#run = run
  }

  sink(process: Process): ClickHouseSink["Service"] {
    const tables = ClickHouseSinkMemory.make(this.tables)
    return ClickHouseSink.of({
      insert: (request) =>
        this.#network.call({
          from: process,
          to: this.server,
          name: `insert ${request.table}`,
          detail: request.token,
          lost: unavailable,
          refused: unavailable,
          serve: (answer) => this.#run(tables.insert(request), answer)
        })
    })
  }
}
