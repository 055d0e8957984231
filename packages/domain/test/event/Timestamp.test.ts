import { assert, describe, it } from "@effect/vitest"
import * as Timestamp from "@tributary/domain/event/Timestamp"
import * as Schema from "effect/Schema"

const at = (iso: string): number => Date.parse(iso)
const withinBounds = Schema.Int.check(Schema.isBetween({ minimum: Timestamp.earliest, maximum: Timestamp.latest }))

describe("reading", () => {
  it("takes the common forms, without a zone as UTC (spec capture 2.6, clients 7)", () => {
    const cases: ReadonlyArray<readonly [string, string]> = [
      ["2024-05-01T10:00:00Z", "2024-05-01T10:00:00.000Z"],
      ["2024-05-01T10:00:00.1Z", "2024-05-01T10:00:00.100Z"],
      ["2024-05-01T10:00:00.123456789Z", "2024-05-01T10:00:00.123Z"],
      ["2024-05-01T10:00:00.999999+00:00", "2024-05-01T10:00:00.999Z"],
      ["2021-10-30T03:02:00.000+04:00", "2021-10-29T23:02:00.000Z"],
      ["2026-01-02T06:00:00.5+03", "2026-01-02T03:00:00.500Z"],
      ["2026-01-02T06:00:00-0330", "2026-01-02T09:30:00.000Z"],
      ["2024-05-01T10:00:00", "2024-05-01T10:00:00.000Z"],
      ["2024-05-01 10:00:00", "2024-05-01T10:00:00.000Z"],
      ["2024-05-01 10:00:00.5", "2024-05-01T10:00:00.500Z"],
      [" 2024-05-01t10:00z ", "2024-05-01T10:00:00.000Z"],
      ["2024-02-29", "2024-02-29T00:00:00.000Z"],
      ["2024/05/01", "2024-05-01T00:00:00.000Z"],
      ["2024/5/1 10:00:00", "2024-05-01T10:00:00.000Z"],
      ["5/1/2024 10:00", "2024-05-01T10:00:00.000Z"],
      ["Wed, 01 May 2024 10:00:00 GMT", "2024-05-01T10:00:00.000Z"],
      ["Wed, 01 May 2024 10:00:00 +0400", "2024-05-01T06:00:00.000Z"],
      ["1 May 2024 10:00:00", "2024-05-01T10:00:00.000Z"],
      ["Wed May 01 2024 10:00:00 GMT+0200 (Central European Summer Time)", "2024-05-01T08:00:00.000Z"],
      ["0000-06-01T00:00:00Z", "0000-06-01T00:00:00.000Z"],
      ["0050-06-01T00:00:00.000Z", "0050-06-01T00:00:00.000Z"],
      ["+010000-01-01T00:00:00Z", "+010000-01-01T00:00:00.000Z"],
      ["2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"]
    ]
    for (const [text, expected] of cases) {
      assert.strictEqual(Timestamp.parseCapture(text), at(expected), text)
      assert.strictEqual(Timestamp.parseWorker(text), at(expected), text)
    }
  })

  it("takes for no date what is none", () => {
    const texts = [
      "",
      "garbage",
      "yesterday-ish",
      "garbage 5",
      "2024-02-30",
      "2024-02-30T10:00:00Z",
      "2023-02-29",
      "2024-13-01",
      "2024-05-01T25:00:00Z",
      "2024-05-01T10:60:00Z",
      "2024-05-01T10:00:00+99:00",
      "2024-05-01T10:0a:00.000Z",
      "2024-05-01T10:00:00.0:0Z",
      "13/13/2024"
    ]
    for (const text of texts) {
      assert.isUndefined(Timestamp.parseCapture(text), text)
      assert.isUndefined(Timestamp.parseWorker(text), text)
    }
  })

  it("takes unix times in capture, their unit told by their length", () => {
    for (const value of [
      "1714557600",
      "1714557600000",
      "1714557600000000",
      "1714557600000000000",
      1714557600,
      1714557600000
    ])
      assert.strictEqual(Timestamp.parseCapture(value), at("2024-05-01T10:00:00Z"), String(value))
    assert.strictEqual(Timestamp.parseCapture("1714557600.25"), at("2024-05-01T10:00:00.250Z"))
    for (const value of [true, null, {}, "12345", 5, Number.NaN]) assert.isUndefined(Timestamp.parseCapture(value))
  })

  it("takes week, ordinal and basic dates in the worker (spec worker 1.9)", () => {
    const cases: ReadonlyArray<readonly [string, string]> = [
      ["2024-W18-3", "2024-05-01"],
      ["2024-W18", "2024-04-29"],
      ["2020-W53-7T10:00:00Z", "2021-01-03T10:00:00Z"],
      ["2021W011", "2021-01-04"],
      ["2024-122", "2024-05-01"],
      ["2024366T120000+0200", "2024-12-31T10:00:00Z"],
      ["20240501T100000Z", "2024-05-01T10:00:00Z"]
    ]
    for (const [text, expected] of cases) assert.strictEqual(Timestamp.parseWorker(text), at(expected), text)
    for (const text of ["2021-W53-1", "2024-W00-1", "2023-366", "2024-000", "20240230"])
      assert.isUndefined(Timestamp.parseWorker(text), text)
  })

  it.prop("agrees with the platform on every exact time, and with what it wrote", [withinBounds], ([ms]) => {
    const iso = new Date(ms).toISOString()
    assert.strictEqual(Timestamp.toIso(ms), iso)
    assert.strictEqual(Timestamp.parseWorker(iso), ms)
    assert.strictEqual(Timestamp.parseCapture(iso), ms)
    assert.strictEqual(Timestamp.toClickHouse(ms), iso.slice(0, 23).replace("T", " "))
    assert.strictEqual(Timestamp.toClickHouseSeconds(ms), iso.slice(0, 19).replace("T", " "))
    assert.strictEqual(Timestamp.parseWorker(Timestamp.toClickHouse(ms)), ms)
  })
})

describe("writing", () => {
  const anyDate = Schema.Int.check(Schema.isBetween({ minimum: -8.64e15, maximum: 8.64e15 }))
  it.prop("agrees with the platform on every date that there is", [anyDate], ([ms]) => {
    assert.strictEqual(Timestamp.toIso(ms), new Date(ms).toISOString())
  })

  it("knows where months and centuries end", () => {
    for (const iso of [
      "2000-02-29",
      "2024-02-29",
      "2100-02-28",
      "2100-03-01",
      "1999-12-31",
      "0000-02-29",
      "-000001-12-31"
    ])
      assert.strictEqual(Timestamp.toIso(at(iso)), `${iso}T00:00:00.000Z`)
  })
})

describe("eventTime", () => {
  const now = at("2026-01-02T12:00:00Z")
  const base = { timestamp: undefined, sentAt: undefined, now, offset: undefined, ignoreSentAt: false }
  const cases: ReadonlyArray<readonly [string, Partial<Timestamp.EventTimes>, string]> = [
    [
      "A37 a clock that is ahead",
      { timestamp: at("2026-01-02T11:00:00Z"), sentAt: now + 10_000 },
      "2026-01-02T10:59:50Z"
    ],
    [
      "A38 a clock that is behind",
      { timestamp: at("2026-01-02T11:00:00Z"), sentAt: now - 10_000 },
      "2026-01-02T11:00:10Z"
    ],
    [
      "no correction asked for",
      { timestamp: at("2026-01-02T11:00:00Z"), sentAt: now + 10_000, ignoreSentAt: true },
      "2026-01-02T11:00:00Z"
    ],
    ["A39 a day ahead", { timestamp: now + 24 * 3_600_000 }, "2026-01-02T12:00:00Z"],
    ["22 hours ahead", { timestamp: now + 22 * 3_600_000 }, "2026-01-03T10:00:00Z"],
    ["A40 an offset", { offset: 5000 }, "2026-01-02T11:59:55Z"],
    ["an offset beside a timestamp", { offset: 1000, timestamp: now - 50_000 }, "2026-01-02T11:59:59Z"],
    ["an offset beyond all bounds", { offset: 1e300 }, "1970-01-01T00:00:00Z"],
    ["nothing at all", {}, "2026-01-02T12:00:00Z"],
    ["before the epoch", { timestamp: at("0000-06-01T00:00:00Z") }, "1970-01-01T00:00:00Z"]
  ]
  for (const [name, times, expected] of cases)
    it(`is right for ${name}`, () => assert.strictEqual(Timestamp.eventTime({ ...base, ...times }), at(expected)))

  it.prop(
    "never leaves the bounds, nor runs 23 hours ahead",
    [Schema.Int, Schema.Int, Schema.Int],
    ([timestamp, sentAt, offset]) => {
      const time = Timestamp.eventTime({ ...base, timestamp, sentAt, ...(offset % 2 === 0 ? { offset } : {}) })
      assert.isTrue(time >= Timestamp.earliest && time <= now + 23 * 3_600_000)
    }
  )
})

describe("forWorker", () => {
  const receivedAt = at("2024-05-01T10:00:00Z")
  it("takes the time of receipt for a missing one, without complaint (A36)", () => {
    assert.deepStrictEqual(Timestamp.forWorker(undefined, receivedAt), { time: receivedAt })
  })

  const cases: ReadonlyArray<readonly [string, string, number, string, number | undefined]> = [
    ["A33", "yesterday-ish", receivedAt, "not a date", undefined],
    ["A35", "+010000-01-01T00:00:00Z", receivedAt, "after 2148-12-31", 10_000],
    ["A35", "2149-01-01T00:00:00Z", receivedAt, "after 2148-12-31", 2149],
    ["A35", "1969-12-31T23:59:59Z", 0, "before 1970-01-01", 1969],
    ["A35", "0000-06-01T00:00:00Z", 0, "before 1970-01-01", 0]
  ]
  for (const [name, value, time, reason, year] of cases)
    it(`replaces ${value} and says why (${name})`, () => {
      assert.deepStrictEqual(Timestamp.forWorker(value, receivedAt), {
        time,
        invalid: { field: "timestamp", value, reason, ...(year === undefined ? {} : { parsed_year: year }) }
      })
    })

  it("keeps a time within the bounds (A34)", () => {
    for (const iso of ["1970-01-01T00:00:00.000Z", "2148-12-31T23:59:59.999Z", "2021-10-29T23:02:00.000Z"])
      assert.deepStrictEqual(Timestamp.forWorker(iso, receivedAt), { time: at(iso) })
  })
})

describe("floorToHour", () => {
  it("is the hour that a time lies in", () => {
    assert.strictEqual(Timestamp.floorToHour(at("2024-05-01T10:59:59.999Z")), at("2024-05-01T10:00:00Z"))
    assert.strictEqual(Timestamp.floorToHour(at("2024-05-01T10:00:00Z")), at("2024-05-01T10:00:00Z"))
    assert.strictEqual(Timestamp.floorToHour(-1), -3_600_000)
  })
})
