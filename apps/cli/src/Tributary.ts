/** All commands of `npx tributary`. */
import * as Command from "effect/cli/Command"
import { log } from "./Log.ts"

export const tributary = Command.make("tributary").pipe(
  Command.withDescription("Looks after a Tributary that runs"),
  Command.withSubcommands([log])
)
