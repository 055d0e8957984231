/** What the protocol's errors mean for a batch that was sent, by names on which both clients agree. */

export const tooLarge: ReadonlySet<string> = new Set(["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE"])

/** No broker will ever take such a message. */
export const refused: ReadonlySet<string> = new Set(["INVALID_TIMESTAMP", "INVALID_RECORD"])

/** What an operator must mend. */
export const denied: ReadonlySet<string> = new Set([
  "INVALID_TOPIC_EXCEPTION",
  "TOPIC_AUTHORIZATION_FAILED",
  "GROUP_AUTHORIZATION_FAILED",
  "CLUSTER_AUTHORIZATION_FAILED",
  "UNSUPPORTED_SASL_MECHANISM",
  "ILLEGAL_SASL_STATE",
  "SASL_AUTHENTICATION_FAILED"
])
