/** What deploy/Dockerfile says of each image: enough of the format for our own file, nothing more. */
import { readFileSync } from "node:fs"

interface Instruction {
  readonly name: string
  readonly rest: string
}

export interface Stage {
  readonly name: string
  /** An image, or an earlier stage. */
  readonly from: string
  readonly instructions: ReadonlyArray<Instruction>
}

const text = readFileSync(new URL("../../Dockerfile", import.meta.url), "utf8")

const instructions: ReadonlyArray<Instruction> = text
  .replaceAll(/^#.*\n/gm, "")
  .replaceAll("\\\n", " ")
  .split("\n")
  .filter((line) => line.trim() !== "")
  .map((line) => {
    const [, name = "", rest = ""] = /^([A-Z]+) +(.*)$/.exec(line) ?? []
    return { name, rest }
  })

const stagesOf = (): ReadonlyArray<Stage> => {
  const stages: Array<Stage & { readonly instructions: Array<Instruction> }> = []
  for (const { name, rest } of instructions) {
    const [, from = "", as = ""] = name === "FROM" ? (/^(\S+) AS (\S+)$/.exec(rest) ?? []) : []
    if (name === "FROM") stages.push({ name: as, from, instructions: [] })
    else stages.at(-1)?.instructions.push({ name, rest })
  }
  return stages
}

export const stages = stagesOf()

/** The stages that nobody builds on are the images. */
export const images = stages.filter(
  ({ name }) =>
    !stages.some(
      ({ from, instructions }) => from === name || instructions.some(({ rest }) => rest.startsWith(`--from=${name} `))
    )
)

/** The instructions of an image with this name, its ancestors' first. */
export const all = (image: Stage, name: string): ReadonlyArray<string> => {
  const parent = stages.find((stage) => stage.name === image.from)
  const own = image.instructions.filter((instruction) => instruction.name === name).map(({ rest }) => rest)
  return parent === undefined ? own : [...all(parent, name), ...own]
}

export const last = (image: Stage, name: string): string => all(image, name).at(-1) ?? ""

/** `CMD` and `HEALTHCHECK … CMD` as a list; undefined where they would go through a shell. */
export const execForm = (instruction: string): ReadonlyArray<string> | undefined => {
  const [list] = /\[.*\]$/.exec(instruction) ?? []
  return list === undefined ? undefined : JSON.parse(list)
}

/** `ENV A=1 B=2` as settings. */
export const environment = (image: Stage): Readonly<Record<string, string>> =>
  Object.fromEntries(
    all(image, "ENV").flatMap((line) =>
      line.split(" ").map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)])
    )
  )
