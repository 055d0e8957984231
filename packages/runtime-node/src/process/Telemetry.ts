/**
 * Traces, metrics and logs to a collector, where one is named (`OTEL_EXPORTER_OTLP_ENDPOINT`, OTLP over HTTP). There is a span for a
 * batch, for each of its stages and for each statement of a store, never for an event (docs/operating/metrics.md).
 */
import type * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import * as Otlp from "effect/observability/Otlp"
import * as References from "effect/References"
import { httpUrl, optional } from "../config/Parsed.ts"

const endpoint = optional(httpUrl("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"))

/** Without the setting there are no spans. A collector that is away costs what would have been sent. */
export const layer = (serviceName: string): Layer.Layer<never, Config.ConfigError> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const baseUrl = yield* endpoint
      if (baseUrl === undefined) return Layer.succeed(References.TracerEnabled, false)
      return Layer.provide(
        Otlp.layerJson({ baseUrl, resource: { serviceName }, loggerMergeWithExisting: true }),
        FetchHttpClient.layer
      )
    })
  )
