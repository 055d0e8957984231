/** `tributary log …`: the consumer groups that hold the embedded event log. */
import { LogDatabase } from "@tributary/embedded/log/LogDatabase"
import * as LogGroups from "@tributary/embedded/log/LogGroups"
import { postgresPort } from "@tributary/runtime-node/config/Common"
import { classify, sqlState } from "@tributary/runtime-node/postgres/SqlFailure"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Argument from "effect/cli/Argument"
import * as CliError from "effect/cli/CliError"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { SqlError } from "effect/sql/SqlError"

/** Where the log's tables are: `DATABASE_URL`, or the server that `npm start` runs on this machine. */
const url = Config.Redacted("DATABASE_URL").pipe(
  Config.orElse(() =>
    Config.map(postgresPort, (port) => Redacted.make(`postgres://tributary:tributary@127.0.0.1:${port}/tributary`))
  )
)

const explain = (error: SqlError): string => {
  if (sqlState(error) === "42P01")
    return "There is no event log in this database; with Kafka the groups are the brokers' to keep."
  return classify(error) === "away"
    ? `PostgreSQL does not answer (${error.reason.message}). The log is in the server that npm start runs: is it running, ` +
        "and are POSTGRES_PORT or DATABASE_URL as they are there?"
    : error.reason.message
}

const withLog = <A>(use: (sql: LogDatabase["Service"]) => Effect.Effect<A, SqlError>) =>
  Effect.gen(function* () {
    const layer = LogDatabase.layerAsItIs({ url: yield* url, connections: 2 })
    return yield* Effect.provide(Effect.flatMap(LogDatabase, use), layer)
  }).pipe(Effect.catchTag("SqlError", (error) => Effect.fail(new CliError.UserError({ cause: explain(error) }))))

const groups = Command.make("groups", {}, () =>
  Effect.flatMap(withLog(LogGroups.list), (names) =>
    names.length === 0 ? Console.log("No group reads the log.") : Console.log(names.join("\n"))
  )
).pipe(Command.withDescription("Lists the consumer groups for which the log keeps what they have not read"))

const forget = Command.make("forget", { group: Argument.String("group") }, ({ group }) =>
  Effect.flatMap(
    withLog((sql) => LogGroups.forget(sql, group)),
    (was) =>
      was
        ? Console.log(
            `Forgot ${group}: the log keeps nothing for it any more. If it comes back, it begins at the log's first message.`
          )
        : Effect.fail(
            new CliError.UserError({
              cause: `No group ${group} reads the log; tributary log groups lists those that do.`
            })
          )
  )
).pipe(Command.withDescription("Lets go of a consumer group that is gone for good, so that the log can be cut back"))

export const log = Command.make("log").pipe(
  Command.withDescription("The embedded event log"),
  Command.withSubcommands([groups, forget])
)
