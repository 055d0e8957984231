/** Guarantee 4: people, mappings and groups are the same in PostgreSQL and in ClickHouse, versions included. */
import { isSame } from "@tributary/domain/group/SameJson"
import type { Stored, StoredGroup, StoredMapping, StoredPerson } from "./Stored.ts"

export const differences = ({ clickhouse, overrides, postgres }: Stored): ReadonlyArray<string> => [
  ...compare("person", postgres.persons, clickhouse.persons, personName),
  ...compare("mapping", postgres.mappings, clickhouse.mappings, mappingName),
  ...compare("group", postgres.groups, clickhouse.groups, groupName),
  // Version 0 is what a distinct id's own person needs no override for.
  ...compare(
    "override",
    postgres.mappings.filter(({ version }) => version > 0),
    overrides,
    mappingName
  )
]

const personName = ({ uuid }: StoredPerson): string => uuid
const mappingName = ({ distinctId }: StoredMapping): string => distinctId
const groupName = ({ index, key }: StoredGroup): string => `${index}:${key}`

const compare = <Row>(
  noun: string,
  postgres: ReadonlyArray<Row>,
  clickhouse: ReadonlyArray<Row>,
  nameOf: (row: Row) => string
): ReadonlyArray<string> => {
  const left = new Map(clickhouse.map((row) => [nameOf(row), row]))
  const found: Array<string> = []
  for (const row of postgres) {
    const name = nameOf(row)
    const other = left.get(name)
    left.delete(name)
    if (other === undefined) found.push(`${noun} ${name} is missing in ClickHouse`)
    else if (!isSame(row, other)) {
      found.push(`${noun} ${name} is ${JSON.stringify(row)} in PostgreSQL, ${JSON.stringify(other)} in ClickHouse`)
    }
  }
  for (const name of left.keys()) found.push(`${noun} ${name} is in ClickHouse, but not in PostgreSQL`)
  return found
}
