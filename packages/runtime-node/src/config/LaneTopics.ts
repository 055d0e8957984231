/**
 * The topics of the lanes. Only they can be renamed one by one, by capture's names (spec capture 4.1) or the worker's (spec
 * worker 7): both mean the same topic for both programs, and two different values are refused.
 */
import * as Topics from "@tributary/domain/row/Topics"
import * as Config from "effect/Config"
import * as Option from "effect/Option"
import { parsed } from "./Parsed.ts"

const legal = /^[A-Za-z0-9._-]{1,249}$/

/** A topic's name, without prefix. */
export const topic = (name: string): Config.Config<string> =>
  parsed(
    name,
    (text) => (legal.test(text) && text !== "." && text !== ".." ? text : undefined),
    "a topic's name: letters, digits, dots, dashes and underscores"
  )

/** A topic that has two names; the value of the second must not differ from the first's. */
const named = (name: string, alias: string, fallback: string): Config.Config<string> =>
  Config.flatMap(Config.option(topic(name)), (first) =>
    Option.isNone(first)
      ? Config.withDefault(topic(alias), fallback)
      : Config.withDefault(
          parsed(alias, (text) => (text === first.value ? text : undefined), `${first.value}, as ${name} says`),
          first.value
        )
  )

/** What stands before every topic's name (`KAFKA_PREFIX`). */
export const prefix: Config.Config<string> = Config.withDefault(
  parsed(
    "KAFKA_PREFIX",
    (text) => (/^[A-Za-z0-9._-]{0,100}$/.test(text) ? text : undefined),
    "the beginning of a topic's name"
  ),
  ""
)

/** Main, overflow and historical lane, with their prefix. */
export const laneTopics = Config.map(
  Config.all({
    prefix,
    main: named("CAPTURE_OUTPUT_ANALYTICS_MAIN_TOPIC", "INGESTION_CONSUMER_CONSUME_TOPIC", Topics.events),
    overflow: named(
      "CAPTURE_OUTPUT_ANALYTICS_OVERFLOW_TOPIC",
      "INGESTION_CONSUMER_OVERFLOW_TOPIC",
      Topics.eventsOverflow
    ),
    historical: Config.withDefault(topic("CAPTURE_OUTPUT_ANALYTICS_HISTORICAL_TOPIC"), Topics.eventsHistorical)
  }),
  ({ historical, main, overflow, prefix }) => ({
    main: prefix + main,
    overflow: prefix + overflow,
    historical: prefix + historical
  })
)
