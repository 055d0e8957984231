/** Processes of servers that an earlier run left. */
import { readdirSync, readlinkSync } from "node:fs"

/** Those that have a folder as their working directory, where the system tells (`/proc`). */
export const inFolder = (folder: string): ReadonlyArray<number> =>
  readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0 && workingDirectory(pid) === folder)

const workingDirectory = (pid: number): string | undefined => {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    // It has ended, or is another user's and so none of ours.
    return undefined
  }
}

export const kill = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended meanwhile.
  }
}
