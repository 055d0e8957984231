import * as Schema from "effect/Schema"

/** A server cannot listen where it was told to. */
export class ListenError extends Schema.TaggedError<ListenError>()("ListenError", {
  host: Schema.String,
  port: Schema.Int,
  /** The system's code, such as `EADDRINUSE`. */
  code: Schema.String
}) {
  /** One line for operators. */
  override get message(): string {
    const why = this.code === "EADDRINUSE" ? "the port is in use" : this.code === "EACCES" ? "not permitted" : this.code
    return `Cannot listen on ${this.host}:${this.port}: ${why}`
  }
}

/** From what Node reports. */
export const listenError = (host: string, port: number, cause: unknown): ListenError => {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause)
  return new ListenError({ host, port, code })
}
