/** Page views as posthog-js sends them: 1.2 KB of JSON, the same for the same number. */
import { random } from "./Random.ts"

export const token = "phc_bench"

/** An event as a client sends it. */
export interface ClientEvent {
  readonly distinct_id: string
  readonly uuid: string
  readonly event: string
  readonly properties: Readonly<Record<string, unknown>>
  readonly timestamp: string
}

const browsers = ["Chrome", "Safari", "Firefox", "Microsoft Edge", "Mobile Safari"]
const systems = ["Mac OS X", "Windows", "Linux", "Android", "iOS"]
const paths = ["/", "/pricing", "/docs/getting-started", "/blog/2026/summer-release", "/account/settings", "/checkout"]
const hosts = ["www.google.com", "duckduckgo.com", "news.ycombinator.com", "$direct"]

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0")

/** Of the `index`-th event of a run. */
export const uuidOf = (run: number, index: number): string => `${hex(run, 8)}-0000-7000-8000-${hex(index, 12)}`

/** What a person's browser says every time. */
export const deviceOf = (person: number): Readonly<Record<string, unknown>> => ({
  $os: systems[person % systems.length],
  $os_version: `${10 + (person % 7)}.${person % 10}.0`,
  $browser: browsers[person % browsers.length],
  $browser_version: 120 + (person % 40),
  $device_type: person % 3 === 0 ? "Mobile" : "Desktop",
  $screen_height: 900 + (person % 8) * 60,
  $screen_width: 1440 + (person % 8) * 96,
  $viewport_height: 780 + (person % 8) * 60,
  $viewport_width: 1440 + (person % 8) * 96,
  $raw_user_agent: `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${120 + (person % 40)}.0.0.0 Safari/537.36`
})

export interface Wanted {
  readonly run: number
  readonly index: number
  /** Whose device it is; with the same number come the same device, session and window. */
  readonly person: number
  readonly distinctId: string
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly name?: string
  /** More properties, which go last. */
  readonly more?: Readonly<Record<string, unknown>>
}

export const event = ({ at, distinctId, index, more = {}, name = "$pageview", person, run }: Wanted): ClientEvent => {
  const next = random(run * 1_000_003 + index)
  const pick = (list: ReadonlyArray<string>): string => list[Math.floor(next() * list.length)]!
  const path = pick(paths)
  const referrer = pick(hosts)
  const session = `0198c2f1-${hex(person % 65_536, 4)}-7abc-9def-${hex(person, 12)}`
  return {
    distinct_id: distinctId,
    uuid: uuidOf(run, index),
    event: name,
    properties: {
      token,
      distinct_id: distinctId,
      ...deviceOf(person),
      $current_url: `https://shop.example.com${path}?ref=${Math.floor(next() * 1e6)}`,
      $host: "shop.example.com",
      $pathname: path,
      $lib: "web",
      $lib_version: "1.268.1",
      $insert_id: `${hex(Math.floor(next() * 2 ** 32), 8)}${hex(index, 8)}`,
      $time: at / 1000,
      $device_id: `0198c2f0-${hex(person % 65_536, 4)}-7aaa-8bbb-${hex(person, 12)}`,
      $session_id: session,
      $window_id: session.replace("7abc", "7abd"),
      $pageview_id: uuidOf(run + 1_000_000, index),
      $referrer: referrer === "$direct" ? referrer : `https://${referrer}/`,
      $referring_domain: referrer,
      $user_id: null,
      $is_identified: false,
      $process_person_profile: true,
      title: "A shop – good things, slowly made",
      plan: pick(["free", "team", "enterprise"]),
      price: Math.round(next() * 10_000) / 100,
      cart_items: Math.floor(next() * 7),
      ...more
    },
    timestamp: new Date(at).toISOString()
  }
}
