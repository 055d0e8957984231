/** Tests that need a Kafka broker, and with it Java 17 and Maven: `vitest run -c vitest.stack.config.ts FILE` for one file. */
import { defineConfig } from "vitest/config"
import base from "./vitest.config.ts"

export default defineConfig({
  test: {
    ...base.test,
    include: ["**/*.stack.test.ts"],
    exclude: ["**/node_modules/**"],
    globalSetup: ["packages/embedded/test/support/globalPostgres.ts", "packages/embedded/test/support/globalKafka.ts"]
  }
})
