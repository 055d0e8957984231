#!/usr/bin/env node
/** `npx tributary …`: the operator's command line. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { tributary } from "./Tributary.ts"

NodeRuntime.runMain(Command.run(tributary, { version: "0.1.0" }).pipe(Effect.provide(NodeServices.layer)), {
  disableErrorReporting: true
})
