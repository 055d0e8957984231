/** Why a configured function is not used. */

export interface Refusal {
  /** The row's id. */
  readonly id: string
  readonly team: number
  /** The column that is not understood, and where useful what in it: `filters`, `inputs.url`. */
  readonly part: string
  /** One sentence; never holds the value of a secret. */
  readonly problem: string
}

/** The one line that a refused row gets. */
export const toLine = ({ id, part, problem, team }: Refusal): string =>
  `function ${id} of project ${team} is not used: ${part}: ${problem}`

export const oneLine = (message: string): string => message.replace(/\s+/g, " ").trim()
