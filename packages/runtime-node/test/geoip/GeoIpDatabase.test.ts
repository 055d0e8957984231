import { copyFile, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { GeoIp } from "@tributary/pipeline/service/GeoIp"
import * as GeoIpDatabase from "@tributary/runtime-node/geoip/GeoIpDatabase"
import * as Record from "@tributary/runtime-node/geoip/Record"
import { Effect, Logger } from "effect"
import { TestClock } from "effect/testing"
import { contract, linkoping, london } from "../../../pipeline/test/contract/GeoIp.ts"

const fixture = (name: string) =>
  fileURLToPath(new URL(`../../../pipeline/test/fixtures/geoip/${name}`, import.meta.url))
const city = fixture("GeoLite2-City-Test.mmdb")

contract("MaxMind database", GeoIpDatabase.layer(city))

const lookup = (ip: string) => GeoIp.use((geoIp) => Effect.sync(() => geoIp.lookup(ip)))

/** Runs with the lines of the log at hand. */
const withLog = <A, E, R>(use: (lines: Array<string>) => Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    const logger = Logger.make(({ message }) => void lines.push(String(message)))
    return use(lines).pipe(Effect.provide(Logger.layer([logger])))
  })

describe("a MaxMind database", () => {
  it.effect("G3, G4, G6: knows postal codes, second subdivisions and names with accents", () =>
    Effect.gen(function* () {
      const boxford = yield* lookup("2.125.160.216")
      assert.deepStrictEqual(
        [boxford?.cityName, boxford?.postalCode, boxford?.accuracyRadius, boxford?.subdivisions],
        [
          "Boxford",
          "OX1",
          100,
          [
            { code: "ENG", name: "England" },
            { code: "WBK", name: "West Berkshire" }
          ]
        ]
      )
      const milton = yield* lookup("216.160.83.56")
      assert.deepStrictEqual(
        [milton?.cityName, milton?.postalCode, milton?.countryCode, milton?.continentCode, milton?.timeZone],
        ["Milton", "98354", "US", "NA", "America/Los_Angeles"]
      )
      assert.strictEqual((yield* lookup("89.160.20.112"))?.subdivisions[0]?.name, linkoping.subdivisions[0]?.name)
    }).pipe(Effect.provide(GeoIpDatabase.layer(city)))
  )

  it.effect("G18: unwraps an IPv4 address inside an IPv6 one, however it is written", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* lookup("::ffff:81.2.69.142"), london)
      assert.deepStrictEqual(yield* lookup("::FFFF:5102:458e"), london)
    }).pipe(Effect.provide(GeoIpDatabase.layer(city)))
  )

  it.effect("G16: without its file the layer is made, with one warning, and knows no place", () =>
    withLog((lines) =>
      Effect.gen(function* () {
        assert.isUndefined(yield* lookup("81.2.69.142"))
        assert.strictEqual(lines.length, 1)
        assert.include(lines[0], "GEOIP_DATABASE=/nowhere/city.mmdb")
      }).pipe(Effect.provide(GeoIpDatabase.layer("/nowhere/city.mmdb")))
    )
  )

  it.effect("a damaged database knows fewer places and never throws", () =>
    Effect.forEach(["GeoIP2-City-Test-Broken-Double-Format.mmdb", "GeoIP2-City-Test-Invalid-Node-Count.mmdb"], (name) =>
      Effect.gen(function* () {
        for (const ip of ["81.2.69.142", "216.160.83.56", "2001:218::1", "89.160.20.112"]) {
          const place = yield* lookup(ip)
          assert.isTrue(place === undefined || place.countryCode !== undefined, ip)
        }
      }).pipe(Effect.provide(GeoIpDatabase.layer(fixture(name))))
    )
  )

  it.effect("a file that appears is read within the hour, and one that goes leaves the old one serving", () =>
    withLog((lines) =>
      Effect.gen(function* () {
        const folder = yield* Effect.acquireRelease(
          Effect.promise(() => mkdtemp(join(tmpdir(), "geoip-"))),
          (path) => Effect.promise(() => rm(path, { recursive: true }))
        )
        const path = join(folder, "city.mmdb")
        yield* Effect.gen(function* () {
          assert.isUndefined(yield* lookup("81.2.69.142"))
          yield* Effect.promise(() => copyFile(city, path))
          yield* TestClock.adjust("1 hour")
          const reread = Effect.suspend(() => lookup("81.2.69.142"))
          assert.deepStrictEqual(yield* untilDefined(reread), london)
          yield* Effect.promise(() => rm(path))
          yield* TestClock.adjust("1 hour")
          yield* untilDefined(Effect.sync(() => lines[1]))
          assert.include(lines[1], "the old one goes on serving")
          assert.deepStrictEqual(yield* lookup("81.2.69.142"), london)
        }).pipe(Effect.provide(GeoIpDatabase.layer(path)))
      })
    )
  )
})

/** Real files are read beside virtual time: lets the event loop turn until the effect gives something. */
const untilDefined = <A>(
  effect: Effect.Effect<A | undefined, never, GeoIp>
): Effect.Effect<A | undefined, never, GeoIp> =>
  Effect.flatMap(effect, (value) =>
    value === undefined
      ? Effect.promise(() => new Promise((resolve) => setImmediate(resolve))).pipe(Effect.andThen(untilDefined(effect)))
      : Effect.succeed(value)
  )

describe("flat records", () => {
  it("G17: take an empty text for absent, and name country and continent", () => {
    const record = {
      city: "",
      country_code: "GB",
      latitude: "51.5",
      longitude: -0.1,
      postcode: "",
      state1: "England",
      state2: "",
      timezone: "Europe/London"
    }
    assert.deepStrictEqual(Record.toPlace(record), {
      subdivisions: [{ name: "England" }],
      countryName: "United Kingdom",
      countryCode: "GB",
      continentName: "Europe",
      continentCode: "EU",
      latitude: 51.5,
      longitude: -0.1,
      timeZone: "Europe/London"
    })
  })

  it("without any part are no place", () => {
    assert.isUndefined(Record.toPlace({ country_code: "" }))
    assert.isUndefined(Record.toPlace(null))
    assert.isUndefined(Record.toPlace({}))
  })
})
