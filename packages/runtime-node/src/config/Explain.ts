/** A wrong or missing setting in one line that a person can act on: its name, what it was, what it may be. */
import type * as Config from "effect/Config"
import * as SchemaIssue from "effect/SchemaIssue"

/** Names whose values are secret, so that no line ever shows them. */
const secret = /(?:^|_)TOKEN$|PASSWORD|SECRET|KEY|DATABASE_URL|CLICKHOUSE_URL/

export const explain = (error: Config.ConfigError, environment: NodeJS.ProcessEnv): string => {
  if (error.cause._tag !== "SchemaError") return error.message
  const { issues } = SchemaIssue.makeFormatterStandardSchemaV1()(error.cause.issue)
  return issues
    .map(({ message, path }) => {
      const name = (path ?? []).map(String).join("_")
      const value = environment[name]
      // What is empty counts as missing for the settings, too.
      if (value === undefined || value === "") return `${name} is not set`
      return `${name}=${secret.test(name) ? "…" : value}: ${message}`
    })
    .join("; ")
}
