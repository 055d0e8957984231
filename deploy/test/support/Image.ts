/** An image as a folder with its modules, and its commands as plain processes there. */
import { Effect } from "effect"
import { launch } from "../../../apps/standalone/test/support/Run.ts"
import { environment, execForm, images, last } from "./Dockerfile.ts"
import * as ImageFolder from "./ImageFolder.ts"

export const make = (name: string) =>
  Effect.gen(function* () {
    const image = images.find((one) => one.name === name)!
    const folder = yield* ImageFolder.make(image)
    /** A command of the image's, with the image's environment and these settings. */
    const run = (instruction: "CMD" | "HEALTHCHECK", settings: Readonly<Record<string, string>>) => {
      const [, ...args] = execForm(last(image, instruction)) ?? []
      return launch({ args, cwd: folder, environment: { ...environment(image), ...settings } })
    }
    return {
      /** Its program. */
      start: (settings: Readonly<Record<string, string>>) => run("CMD", settings),
      /** Exit code of its health check, as a container engine would ask for it beside the program. */
      health: (settings: Readonly<Record<string, string>>) =>
        Effect.scoped(
          Effect.map(
            Effect.flatMap(run("HEALTHCHECK", settings), ({ ended }) => ended),
            ({ code }) => code
          )
        )
    }
  })
