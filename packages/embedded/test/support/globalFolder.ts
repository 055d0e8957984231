/** Data folders of servers that serve all test files of a run. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** Makes one, and removes those with this prefix that killed runs left. */
export const freshDataDir = (prefix: string): string => {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(prefix))) {
    const folder = join(tmpdir(), name)
    if (isAbandoned(folder)) rmSync(folder, { recursive: true, force: true })
  }
  return mkdtempSync(join(tmpdir(), prefix))
}

/** The process that locked it is gone. A folder that is just being made has no lock yet, and stays. */
const isAbandoned = (folder: string): boolean => {
  try {
    process.kill(Number(readFileSync(join(folder, "lock.pid"), "utf8")), 0)
    return false
  } catch (cause) {
    return cause instanceof Error && "code" in cause && cause.code === "ESRCH"
  }
}
