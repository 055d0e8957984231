/**
 * Guarantees 1 and 6: whatever was answered with 200 ends as it should, once; and nothing is committed before what becomes of it is in
 * the log (spec worker 9.2, P27 to P29, P41).
 */
import type { Position } from "@tributary/domain/event/Position"
import * as Topics from "@tributary/domain/row/Topics"
import { header, type LogRecord } from "../../service/LogMessage.ts"
import type * as Workload from "../Workload.ts"
import type { Told } from "../world/Clients.ts"
import { group } from "../world/Programs.ts"
import type { World } from "../world/World.ts"

/** What may become of an event: which of these the checks allow. */
export type Fate = "stored" | "letter" | "dropped" | "stored or letter"

export interface Answers {
  readonly onCommit: (positions: ReadonlyArray<Position>) => void
  readonly violations: () => ReadonlyArray<string>
}

export const make = ({
  byUuid,
  fateOf,
  told,
  world
}: {
  readonly world: World
  readonly told: Told
  readonly byUuid: ReadonlyMap<string, Workload.Action>
  readonly fateOf: (action: Workload.Action) => Fate
}): Answers => {
  const { clickhouse, log, plan } = world
  const found: Array<string> = []
  const uuidOf = (record: LogRecord): string => header(record.headers, "uuid") ?? ""
  const fate = (record: LogRecord): Fate => {
    const action = byUuid.get(uuidOf(record))
    return action === undefined ? "letter" : fateOf(action)
  }
  /** Whether a message has become what it should, as far as events and letters are there. */
  const isSettled = (record: LogRecord, isStored: boolean, isLetter: boolean): boolean => {
    switch (fate(record)) {
      case "stored":
        return isStored
      case "letter":
        return isLetter
      case "stored or letter":
        return isStored || isLetter
      case "dropped":
        return true
    }
  }

  const onCommit = (positions: ReadonlyArray<Position>): void => {
    const records = log.memory.records(Topics.events)
    for (const { offset, partition, topic } of positions) {
      const committed = log.memory.committed(group, topic, partition) ?? 0n
      for (const record of records) {
        if (record.partition !== partition || record.offset < committed || record.offset >= offset) continue
        if (isSettled(record, log.events.has(uuidOf(record)), log.letters.has(`${partition}:${record.offset}`)))
          continue
        found.push(`position ${partition}:${record.offset} was committed before its output was in the log`)
      }
    }
  }

  const violations = (): ReadonlyArray<string> => {
    const stored = new Set((clickhouse.tables.rows.get("events") ?? []).map(({ uuid }) => String(uuid)))
    const letters = new Set(
      (clickhouse.tables.rows.get("dead_letters") ?? []).map((row) => `${row["partition"]}:${row["offset"]}`)
    )
    const records = log.memory.records(Topics.events)
    const places = Map.groupBy(records, uuidOf)
    for (const record of records) {
      const place = `${record.partition}:${record.offset}`
      const [isStored, isLetter] = [stored.has(uuidOf(record)), letters.has(place)]
      if (!isSettled(record, isStored, isLetter))
        found.push(`the message at ${place} is not ${fate(record)} in the end`)
      const isOnly = places.get(uuidOf(record))?.length === 1
      if (isStored && isLetter && isOnly) found.push(`the message at ${place} is both an event and a dead letter`)
      if (fate(record) === "dropped" && (isStored || isLetter)) found.push(`the message at ${place} was to be dropped`)
    }
    for (const n of told.acknowledged) {
      const action = plan.actions.find((one) => one.n === n)
      if (action !== undefined && !places.has(action.uuid)) found.push(`event ${n} was acknowledged and is gone`)
    }
    for (const [n, status] of told.refused) found.push(`event ${n} was refused with ${status}`)
    return found
  }

  return { onCommit, violations }
}
