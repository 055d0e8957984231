import { assert, it } from "@effect/vitest"
import * as Route from "@tributary/pipeline/capture/Route"
import * as CaptureSettings from "@tributary/pipeline/capture/Settings"
import { E, T0, token, uuidOf } from "./Message.ts"

it("messages of tests are those that capture writes", () => {
  const uuid = uuidOf("one")
  const nowText = "2024-05-01T10:00:00.000Z"
  const written = Route.messageOf(
    {
      uuid,
      event: "custom",
      distinctId: "u",
      ip: "127.0.0.1",
      timestamp: T0,
      isCookieless: false,
      historicalMigration: false,
      sent: {
        token: undefined,
        distinct_id: "u",
        uuid: null,
        event: "custom",
        properties: { a: 1 },
        timestamp: undefined,
        offset: undefined,
        $set: undefined,
        $set_once: undefined,
        $unset: undefined
      }
    },
    Route.unrestricted,
    CaptureSettings.defaults.topics,
    Route.share({
      now: T0,
      nowText,
      token,
      ip: "127.0.0.1",
      sentAt: undefined,
      historicalMigration: false,
      historicalUntil: 0
    })
  )
  assert.deepStrictEqual(E("u", { a: 1 }, { uuid }), written)
})
