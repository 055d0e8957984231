/** The embedded log on a database of its own. */
import * as EmbeddedEventLog from "@tributary/embedded/log/EmbeddedEventLog"
import * as EmbeddedProducer from "@tributary/embedded/log/EmbeddedProducer"
import { LogDatabase } from "@tributary/embedded/log/LogDatabase"
import { LogHeads } from "@tributary/embedded/log/LogHeads"
import { Effect, Layer, Redacted } from "effect"
import * as TestDatabase from "../support/TestDatabase.ts"

/** Tables and what is known of them. */
export const tables = (url: string) =>
  LogHeads.layer({ partitions: 4 }).pipe(
    Layer.provideMerge(LogDatabase.layer({ url: Redacted.make(url), connections: 4 }))
  )

/** Both services and their tables, on the database of that URL. */
export const on = (url: string, options: EmbeddedProducer.EmbeddedProducerOptions = {}) =>
  Layer.mergeAll(EmbeddedEventLog.layer, EmbeddedProducer.layer(options)).pipe(Layer.provideMerge(tables(url)))

/** The same on a fresh database, which goes with the layer. */
export const fresh = Layer.unwrap(Effect.map(TestDatabase.make("log"), (url) => on(url)))
