/** Where a process spent its time, by function, from a `.cpuprofile`. */
import { readFileSync } from "node:fs"

interface Node {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  readonly children?: ReadonlyArray<number>
}

interface CpuProfile {
  readonly nodes: ReadonlyArray<Node>
  readonly samples: ReadonlyArray<number>
  /** Microseconds since the sample before. */
  readonly timeDeltas: ReadonlyArray<number>
}

const rows = 45

const nameOf = ({ functionName, lineNumber, url }: Node["callFrame"]): string => {
  const place = url.replace(/^.*\/(node_modules|packages|apps|bench)\//, "").replace(/^node:/, "node:")
  return `${functionName || "(anonymous)"}${url === "" ? "" : ` ${place}:${lineNumber + 1}`}`
}

/** One line a function, by its own time; the share of time in which the process did anything at all, and with callees. */
export const summarise = (file: string): ReadonlyArray<string> => {
  const profile: CpuProfile = JSON.parse(readFileSync(file, "utf8"))
  const own = new Map<number, number>()
  profile.samples.forEach((id, i) => {
    own.set(id, (own.get(id) ?? 0) + (profile.timeDeltas[i] ?? 0))
  })
  const byId = new Map(profile.nodes.map((node) => [node.id, node]))
  const selfs = new Map<string, number>()
  const totals = new Map<string, number>()
  const add = (to: Map<string, number>, name: string, time: number) => to.set(name, (to.get(name) ?? 0) + time)
  /** Time of a node with what it called; a function that calls itself counts once. */
  const walk = (id: number, above: ReadonlySet<string>): number => {
    const node = byId.get(id)!
    const name = nameOf(node.callFrame)
    const self = own.get(id) ?? 0
    const within = new Set(above).add(name)
    let total = self
    for (const child of node.children ?? []) total += walk(child, within)
    add(selfs, name, self)
    if (!above.has(name)) add(totals, name, total)
    return total
  }
  const root = profile.nodes[0]!
  const everything = walk(root.id, new Set())
  const busy = everything - (selfs.get("(idle)") ?? 0) - (selfs.get("(program)") ?? 0)
  const share = (time: number): string => `${((100 * time) / busy).toFixed(1).padStart(5)} %`
  return [...selfs]
    .filter(([name]) => name !== "(idle)" && name !== "(root)")
    .sort((a, b) => b[1] - a[1])
    .slice(0, rows)
    .map(([name, self]) => `  ${share(self)} ${share(totals.get(name) ?? 0)}  ${name}`)
}
