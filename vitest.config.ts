import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: [
      "packages/*/test/**/*.test.ts",
      "apps/*/test/**/*.test.ts",
      "faults/test/**/*.test.ts",
      "deploy/test/**/*.test.ts",
      "examples/**/*.test.ts"
    ],
    exclude: ["**/*.stack.test.ts"],
    globalSetup: ["packages/embedded/test/support/globalPostgres.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    pool: "forks",
    maxWorkers: 2
  }
})
