import * as Schema from "effect/Schema"

/**
 * An embedded engine cannot start, or cannot be kept running. `message` is one line for the operator: what is wrong, what
 * it was, what may be done.
 */
export class StartError extends Schema.TaggedError<StartError>()("StartError", { message: Schema.String }) {}

/** What a failed system call says, as words in the middle of a sentence. */
export const systemReason = (cause: unknown): string => {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : ""
  switch (code) {
    case "EACCES":
    case "EPERM":
      return "this user has no permission"
    case "EROFS":
      return "the file system is read-only"
    case "ENOTDIR":
    case "EEXIST":
      return "a part of the path is a file"
    case "ENOSPC":
      return "the disk is full"
    default:
      return cause instanceof Error ? cause.message : String(cause)
  }
}
