import { assert, describe, it } from "@effect/vitest"
import * as Java from "@tributary/embedded/kafka/Java"

describe("Java", () => {
  it("tells versions of every age and vendor", () => {
    assert.strictEqual(Java.versionIn('openjdk version "17.0.15" 2025-04-15\nOpenJDK Runtime'), "17.0.15")
    assert.strictEqual(Java.versionIn('Picked up JAVA_TOOL_OPTIONS: -Dx="y"\njava version "1.8.0_401"'), "1.8.0_401")
    assert.strictEqual(Java.versionIn('openjdk version "25" 2025-09-16'), "25")
    assert.isUndefined(Java.versionIn("bash: java: command not found"))
  })
})
