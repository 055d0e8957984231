/** `npm start`: everything in one process, on embedded engines. */
import "@tributary/embedded/clickhouse/threads"
import "effect/schema/SchemaJITCompiler/enable"
import * as Program from "@tributary/runtime-node/process/Program"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { settings } from "./Config.ts"
import { greeting } from "./Greeting.ts"
import * as Standalone from "./Standalone.ts"

Program.run(Effect.flatMap(settings, (read) => Standalone.run(read, (address) => Console.log(greeting(read, address)))))
