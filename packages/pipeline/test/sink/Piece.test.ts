import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as Piece from "../../src/sink/Piece.ts"
import { record } from "./support.ts"

const rowsOf = (places: ReadonlyArray<readonly [partition: number, offset: number]>) =>
  places.map(([partition, offset]) => record("t", partition, offset, "{}"))
const withId = () => "id"

describe("a piece", () => {
  it("is bounded by the first and the last row of each partition", () => {
    const piece = Piece.make(
      rowsOf([
        [0, 3],
        [1, 7],
        [0, 5],
        [1, 8]
      ])
    )
    assert.deepStrictEqual(piece.bounds, [
      { partition: 0, start: 3n, end: 6n },
      { partition: 1, start: 7n, end: 9n }
    ])
  })

  it("of one partition says topic, id and bounds in its token", () => {
    assert.strictEqual(
      Piece.token(
        "t",
        withId,
        Piece.make(
          rowsOf([
            [4, 3],
            [4, 9]
          ])
        )
      ),
      "t-id-4-3-10"
    )
  })

  it("of a topic without an id is told by the time of its first row", () => {
    const piece = Piece.make(rowsOf([[4, 3]]))
    assert.strictEqual(
      Piece.token("t", () => undefined, piece),
      "t-4102444800000-4-3-4"
    )
  })

  const Offsets = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 20 })))
  it.prop(
    "is halved into pieces that hold its rows and have tokens of their own",
    { a: Offsets, b: Offsets },
    ({ a, b }) => {
      const sorted = (offsets: ReadonlyArray<number>) => [...new Set(offsets)].toSorted((x, y) => x - y)
      const rows = rowsOf([...sorted(a).map((o) => [0, o] as const), ...sorted(b).map((o) => [1, o] as const)])
      const tokens: Array<string> = []
      const singles: Array<string> = []
      const divide = (piece: Piece.Piece): void => {
        tokens.push(Piece.token("t", withId, piece))
        if (piece.rows.length === 1)
          singles.push(piece.rows.map(({ partition, offset }) => `${partition}:${offset}`).join())
        else Piece.halve(piece).forEach(divide)
      }
      if (rows.length === 0) return
      divide(Piece.make(rows))
      assert.deepStrictEqual(
        singles,
        rows.map(({ partition, offset }) => `${partition}:${offset}`)
      )
      assert.strictEqual(new Set(tokens).size, tokens.length)
    }
  )
})
