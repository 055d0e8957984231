/** What is printed once everything on this machine stands: where it is, and a line that sends a first event. */

export interface Address {
  readonly host: string
  readonly port: number
}

export interface Greeting {
  /** Where capture listens. */
  readonly capture: Address
  readonly projectToken: string
  /** Lines on what else is where. */
  readonly places?: ReadonlyArray<string>
  /** Lines on how to look at the first event. */
  readonly look?: ReadonlyArray<string>
}

/** As this machine reaches it. */
const urlOf = ({ host, port }: Address): string => {
  const reachable = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host
  return `http://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`
}

export const greeting = ({ capture, look = [], places = [], projectToken }: Greeting): string => {
  const url = urlOf(capture)
  const event = JSON.stringify({ api_key: projectToken, event: "hello", distinct_id: "me" })
  return [
    `Tributary is ready at ${url}`,
    `Project token: ${projectToken}`,
    "",
    ...(places.length === 0 ? [] : [...places.map((line) => `  ${line}`), ""]),
    "Send a first event:",
    `  curl ${url}/i/v0/e/ -H 'Content-Type: application/json' -d '${event}'`,
    ...(look.length === 0 ? [] : ["and look at it:", ...look.map((line) => `  ${line}`)]),
    "",
    "Ctrl-C drains and stops."
  ].join("\n")
}
