import { assert, describe, it } from "@effect/vitest"
import { missing } from "@tributary/embedded/Platform"

describe("Platform", () => {
  it("accepts Linux with glibc and macOS, on both processors", () => {
    for (const arch of ["x64", "arm64"]) {
      assert.isUndefined(missing({ platform: "linux", arch, glibc: "2.28" }))
      assert.isUndefined(missing({ platform: "darwin", arch, glibc: undefined }))
    }
  })

  it("says what is missing elsewhere, in one line", () => {
    for (const [machine, words] of [
      [{ platform: "linux", arch: "x64", glibc: undefined }, "glibc"],
      [{ platform: "win32", arch: "x64", glibc: undefined }, "no build for win32 x64"],
      [{ platform: "linux", arch: "s390x", glibc: "2.36" }, "no build for linux s390x"]
    ] as const) {
      const message = missing(machine) ?? ""
      assert.include(message, words)
      assert.notInclude(message, "\n")
    }
  })
})
