import * as Schema from "effect/Schema"

/** A server cannot listen where it was told to. */
export class ListenError extends Schema.TaggedError<ListenError>()("ListenError", {
  /** The setting that names the port. */
  setting: Schema.Literals(["PORT", "HEALTH_PORT"]),
  host: Schema.String,
  port: Schema.Int,
  /** The system's code, such as `EADDRINUSE`. */
  code: Schema.String
}) {
  /** One line for operators. */
  override get message(): string {
    const { code, host, port, setting } = this
    switch (code) {
      case "EADDRINUSE":
        return `${setting}=${port}: another program listens there, on ${host}. It may be any free port.`
      case "EACCES":
        return `${setting}=${port}: this user may not listen there. It may be any free port above 1023.`
      case "EADDRNOTAVAIL":
      case "ENOTFOUND":
      case "EAI_AGAIN":
        return `HOST=${host}: this machine has no such address. It may be one of its own, 127.0.0.1, or 0.0.0.0 for all.`
      default:
        return `HOST=${host}, ${setting}=${port}: the system does not let us listen there: ${code}`
    }
  }
}

/** From what Node reports. */
export const listenError = (
  setting: ListenError["setting"],
  { host, port }: { readonly host: string; readonly port: number },
  cause: unknown
): ListenError => {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause)
  return new ListenError({ setting, host, port, code })
}
