/** What a newcomer sees once everything stands: where to send a first event, and where to look for it. */
import type { Settings } from "./Config.ts"

export const greeting = (
  settings: Settings,
  { host, port }: { readonly host: string; readonly port: number }
): string => {
  const reachable = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host
  const address = `http://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`
  const event = JSON.stringify({ api_key: settings.projectToken, event: "hello", distinct_id: "me" })
  const lines = [
    `Tributary is ready at ${address}`,
    `Project token: ${settings.projectToken}`,
    "",
    "Send a first event:",
    `  curl ${address}/i/v0/e/ -H 'Content-Type: application/json' -d '${event}'`
  ]
  if (settings.clickhouseUrl === undefined) {
    lines.push(
      "and look at it:",
      `  curl http://127.0.0.1:${settings.clickhousePort} --data-binary ` +
        "'SELECT timestamp, event, distinct_id, person_id FROM events_deduplicated FORMAT Vertical'"
    )
  }
  lines.push("", "Ctrl-C drains and stops.")
  return lines.join("\n")
}
