/**
 * PostgreSQL's `json` and `jsonb`, of which the keys keep their names: the driver would read them with `JSON.parse`
 * (docs/decisions/json-parse.md).
 */
import * as PgTypes from "@effect/sql-pg/PgTypes"
import * as Json from "@tributary/domain/event/Json"
import * as Result from "effect/Result"

const codec = (oid: number, headerBytes: number): PgTypes.Codec<unknown> => ({
  encode: (value) => PgTypes.encode(value, oid),
  decode: (bytes) =>
    Result.map(PgTypes.decode(bytes.subarray(headerBytes), PgTypes.OID.text, 1), (text) => Json.parse(String(text)))
})

/** The driver's types, with these two in place of its own, lists of them included. */
export const make = (): PgTypes.Registry => {
  const types = PgTypes.makeRegistry()
  types.register(PgTypes.OID.json, codec(PgTypes.OID.json, 0))
  // The first byte is the version of the form, of which there is one.
  types.register(PgTypes.OID.jsonb, codec(PgTypes.OID.jsonb, 1))
  return types
}
