/**
 * Answers to what SDKs ask for besides sending events, for where capture is the only host they know: enough that they
 * neither retry nor complain (spec capture 1.1, clients 8).
 */
import { randomUUID } from "node:crypto"
import * as Reply from "@tributary/pipeline/capture/Reply"
import { type Answer, json } from "./Answer.ts"

/** posthog-js keeps to gzip as long as `gzip-js` is named. */
const config = { supportedCompression: ["gzip", "gzip-js"], sessionRecording: false, hasFeatureFlags: false }

const decide: Answer = json(200, {
  featureFlags: {},
  featureFlagPayloads: {},
  errorsWhileComputingFlags: false,
  sessionRecording: false,
  supportedCompression: config.supportedCompression,
  config: {}
})

const remoteConfig = /^\/array\/([A-Za-z0-9_-]{1,64})\/config(\.js)?$/

const script = (token: string): string =>
  "(function () {\n" +
  "  window._POSTHOG_REMOTE_CONFIG = window._POSTHOG_REMOTE_CONFIG || {};\n" +
  `  window._POSTHOG_REMOTE_CONFIG["${token}"] = { config: ${JSON.stringify(config)}, siteApps: [] };\n` +
  "})();\n"

export interface PoliteRoute {
  /** The route's pattern, for metrics. */
  readonly pattern: string
  readonly methods: "GET" | "GET, POST"
  readonly answer: () => Answer
}

/** The answer for a path without trailing slash; undefined where none is due. */
export const politeRoute = (path: string): PoliteRoute | undefined => {
  switch (path) {
    case "/flags":
      return {
        pattern: path,
        methods: "GET, POST",
        answer: () =>
          json(200, { flags: {}, featureFlags: {}, errorsWhileComputingFlags: false, requestId: randomUUID() })
      }
    case "/decide":
      return { pattern: path, methods: "GET, POST", answer: () => decide }
    case "/s":
      return { pattern: path, methods: "GET, POST", answer: () => Reply.noRecordings }
    default: {
      const [, token, isScript] = path.startsWith("/array/") ? (remoteConfig.exec(path) ?? []) : []
      if (token === undefined) return undefined
      return {
        pattern: isScript === undefined ? "/array/:token/config" : "/array/:token/config.js",
        methods: "GET",
        answer: () =>
          isScript === undefined
            ? json(200, config)
            : { status: 200, body: script(token), contentType: "application/javascript" }
      }
    }
  }
}
