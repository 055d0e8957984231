/** What ClickHouse's numbers and texts say about an insert that failed (guides clickhouse 5). */
import { ClickHouseError } from "@tributary/pipeline/service/ClickHouseSink"

/**
 * Errors that a row's own bytes cause, so that the same row fails for ever and must be put aside. Everything else (memory,
 * time, a missing table, a connection) may pass, and is tried again.
 */
const rowRefused: ReadonlySet<number> = new Set([
  6, // CANNOT_PARSE_TEXT
  25, // CANNOT_PARSE_ESCAPE_SEQUENCE
  26, // CANNOT_PARSE_QUOTED_STRING
  27, // CANNOT_PARSE_INPUT_ASSERTION_FAILED
  33, // CANNOT_READ_ALL_DATA: the row ends too early
  38, // CANNOT_PARSE_DATE
  41, // CANNOT_PARSE_DATETIME
  69, // ARGUMENT_OUT_OF_BOUND
  70, // CANNOT_CONVERT_TYPE
  72, // CANNOT_PARSE_NUMBER
  117, // INCORRECT_DATA
  131, // TOO_LARGE_STRING_SIZE
  306, // TOO_DEEP_RECURSION
  321, // VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
  376, // CANNOT_PARSE_UUID
  407, // DECIMAL_OVERFLOW
  467, // CANNOT_PARSE_BOOL
  691 // UNKNOWN_ELEMENT_OF_ENUM
])

/** The error of an insert that failed with this number (0 where ClickHouse gave none). */
export const classify = (code: number, message: string): ClickHouseError =>
  new ClickHouseError({ reason: rowRefused.has(code) ? "RowRefused" : "Unavailable", code, message })

/** The number in ClickHouse's text "Code: 60. DB::Exception: …"; 0 where there is none. */
export const codeOf = (message: string): number => Number(/Code: (\d+)/.exec(message)?.[1] ?? 0)
