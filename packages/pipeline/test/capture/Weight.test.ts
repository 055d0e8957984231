import { assert, describe, it } from "@effect/vitest"
import { isTooHeavy, maxContainers, maxOpenEntries } from "@tributary/pipeline/capture/Weight"

const list = (entry: string, count: number): string => `[${`${entry},`.repeat(count - 1)}${entry}]`

describe("Weight", () => {
  it("a million entries at a time are borne, more are not, wherever they stand", () => {
    for (const entry of ["{}", '{"a":[1,2]}', '""']) {
      assert.isFalse(isTooHeavy(list(entry, maxOpenEntries - 10)), entry)
      assert.isTrue(isTooHeavy(list(entry, maxOpenEntries + 10)), entry)
    }
    assert.isFalse(isTooHeavy("[".repeat(maxOpenEntries) + "]".repeat(maxOpenEntries)))
    assert.isTrue(isTooHeavy("[".repeat(maxOpenEntries + 1) + "]".repeat(maxOpenEntries + 1)))
  })

  it("what is closed weighs no more, until there are ten million lists and objects", () => {
    const part = list("{}", 500_000)
    assert.isFalse(isTooHeavy(list(part, maxContainers / 500_000 - 1)))
    assert.isTrue(isTooHeavy(list(part, maxContainers / 500_000)))
  })

  it("brackets and commas inside of strings weigh nothing", () => {
    const text = JSON.stringify('[,{\\"'.repeat(400_000))
    assert.isFalse(isTooHeavy(list(text, 3)))
    assert.isTrue(isTooHeavy(list(text, 3) + list("1", maxOpenEntries + 10)))
  })

  it("texts that are no JSON are weighed all the same", () => {
    for (const text of ["]", '"', String.raw`"\ `, "}[", "x"]) assert.isFalse(isTooHeavy(text.repeat(2_000_000)), text)
    assert.isTrue(isTooHeavy(",".repeat(2_000_000)))
  })
})
