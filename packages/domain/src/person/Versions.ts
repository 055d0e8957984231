/**
 * Versions of people and of mappings (spec worker 3.4, 3.5, V-1). They decide what ClickHouse believes: the highest counts,
 * and a mapping above 0 overrides the person that events of its distinct id were stored with.
 *
 * Hence the invariant: a mapping at its floor leads to the person whose uuid is `U(distinct id)`. The floor of a distinct
 * id is 0, unless its person was deleted; then it lies above every tombstone.
 */

/** Of a person that is born, and of the mapping of the distinct id that gave it its uuid. */
export const born = (floor: number): number => floor

/** Of any other mapping when its distinct id gets a person; above the floor, for events may lie under `U(distinct id)`. */
export const joined = (floor: number): number => floor + 1

/** Of a mapping whose distinct id has since gone from person to person. */
export const moved = (version: number, moves: number): number => version + moves

/** Of a person's row that a batch has written, however many of its events changed it. */
export const written = (version: number): number => version + 1

/** What the survivor's next version must exceed. */
export const merged = (source: number, target: number): number => Math.max(source, target)
