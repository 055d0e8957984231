/** Spans as they begin, to be compared by names. */
import { Effect, Option, Tracer } from "effect"

interface Seen {
  /** After the names of the spans around it: "Consumer.batch > Ingest.batch". */
  readonly path: string
  readonly attributes: ReadonlyMap<string, unknown>
}

/** What was seen, and how a program is run so that it is. */
export const collect = () => {
  const spans: Array<Seen> = []
  const pathOf = new Map<string, string>()
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      const around = Option.flatMapNullishOr(options.parent, ({ spanId }) => pathOf.get(spanId))
      const path = Option.match(around, { onNone: () => options.name, onSome: (outer) => `${outer} > ${options.name}` })
      pathOf.set(span.spanId, path)
      spans.push({ path, attributes: span.attributes })
      return span
    }
  })
  const paths = () => spans.map(({ path }) => path)
  const attributes = (path: string) =>
    spans.filter((span) => span.path === path).map((span) => Object.fromEntries(span.attributes))
  return { paths, attributes, traced: Effect.provideService(Tracer.Tracer, tracer) }
}
