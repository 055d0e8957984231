/**
 * Bugs that may be planted in the simulator's own parts, never in the pipeline: a simulator is believed when it finds each of them
 * within a few seeds, and nothing without them.
 */
export const flaws = {
  "no fence": "messages below the progress are applied again",
  "fence for whole batches only": "a redelivered batch that holds a new message is applied from its beginning",
  "fence raised before": "the progress is raised in a transaction of its own, before the batch's",
  "fence raised after": "the progress is raised in a transaction of its own, after the batch's",
  "fence lowered": "whoever comes late sets the progress back to where its own batch ends",
  "fence lowered at assignment": "a new owner sets the progress to what is committed to the log",
  "refusals forgotten": "what the state of people decided of a message is not remembered",
  "refusals forgotten when committed": "a new owner deletes the refusals below what is committed",
  "outbox outside": "outbox rows are written after the commit",
  "outbox deleted early": "outbox rows are gone before the log has acknowledged them",
  "sweep commits early": "the sweeper deletes before it publishes",
  "sweep remembers": "the sweeper keeps its mark from sweep to sweep",
  "no person locks": "people are read without locks",
  "mapping read once": "the mapping is read before the locks, and believed from then on",
  "groups before people": "every second worker locks groups before people",
  "floor forgotten": "a deletion leaves no floor",
  "floor of the person alone": "a floor looks at the person's version only",
  "floors read once": "floors are not looked at again when a distinct id is inserted",
  "unknown commit is a failure": "a commit whose answer was lost is applied again",
  "positions committed early": "a worker commits positions when it polls",
  "sink commits early": "a sink commits positions when it polls",
  "sink without bounds": "a sink does not store the bounds of an insert before it",
  "log acknowledges early": "the log acknowledges what it may yet lose",
  "capture answers early": "capture answers 200 before the log has acknowledged"
} as const

export type Flaw = keyof typeof flaws
export type Flaws = ReadonlySet<Flaw>
