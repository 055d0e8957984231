/** What a newcomer sees once everything stands: where to send a first event, and where to look for it. */
import * as Greeting from "@tributary/embedded/Greeting"
import type { Settings } from "./Config.ts"

/** `capture`: where it listens. */
export const greeting = (
  { clickhousePort, clickhouseUrl, projectToken }: Settings,
  capture: Greeting.Address
): string => {
  const query = "SELECT timestamp, event, distinct_id, person_id FROM events_deduplicated FORMAT Vertical"
  const look = [`curl http://127.0.0.1:${clickhousePort} --data-binary '${query}'`]
  return Greeting.greeting({ capture, projectToken, look: clickhouseUrl === undefined ? look : [] })
}
