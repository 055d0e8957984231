/** What a worker cannot go below: `JSON.parse` and `JSON.stringify` of the same events. */
import type { ClientEvent } from "../Events.ts"
import * as LogRange from "../LogRange.ts"
import * as Measured from "../process/Measured.ts"
import * as Mix from "./Mix.ts"

export type LimitQuestions = {
  /** Makes the events, then measures. Microseconds of processor time, and what came out. */
  readonly measure: readonly [Mix.Wanted, { readonly cpu: number; readonly summary: LogRange.Summary }]
}

Measured.answer<LimitQuestions>({
  measure: (wanted) => {
    const texts = [...Mix.events(wanted)].map((event) => Buffer.from(JSON.stringify(event)).toString())
    const events: Array<ClientEvent> = []
    let length = 0
    const before = process.cpuUsage()
    for (const text of texts) {
      const event: ClientEvent = JSON.parse(text)
      length += JSON.stringify(event).length
      events.push(event)
    }
    const { system, user } = process.cpuUsage(before)
    if (length !== texts.reduce((sum, text) => sum + text.length, 0)) throw new Error("events changed on the way")
    const digest = LogRange.Digest()
    for (const event of events) digest.add(Mix.contentOf(event))
    return { cpu: user + system, summary: digest.summary() }
  }
})
Measured.ready(null)
