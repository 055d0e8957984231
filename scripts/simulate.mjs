/**
 * The simulator over many seeds: `--seeds N [--from S]`. A failing seed is told with the shortest history found and the command that
 * replays it, which names what was left of it (`--events`, `--faults`: numbers, or `none`). `--flavour NAME` presses one thing in all of them,
 * `--flaw NAME` plants a bug, to see how it is found. The last line is `N seeds, V violations`.
 */
import { parseArgs } from "node:util"
import { flavours } from "@tributary/pipeline/simulate/Flavour"
import { flaws as known } from "@tributary/pipeline/simulate/Flaws"
import * as Plan from "@tributary/pipeline/simulate/Plan"
import * as Report from "@tributary/pipeline/simulate/Report"
import * as Simulate from "@tributary/pipeline/simulate/Simulate"

/** Failing seeds that are told in full; the others by their number. */
const told = 3

const end = (line) => {
  console.error(line)
  process.exit(2)
}
const read = () => {
  try {
    const string = { type: "string" }
    const options = {
      seeds: string,
      from: string,
      events: string,
      faults: string,
      flavour: string,
      flaw: { ...string, multiple: true }
    }
    return parseArgs({ options }).values
  } catch (error) {
    return end(error.message)
  }
}
const values = read()
const number = (name, otherwise) => {
  const value = Number(values[name] ?? otherwise)
  return Number.isSafeInteger(value) && value >= 0 ? value : end(`--${name} is a whole number, not ${values[name]}`)
}
const listed = (text) =>
  text === undefined ? undefined : new Set(text === "none" ? [] : text.split(",").map((one) => Number(one)))

const seeds = number("seeds", 1000)
const from = number("from", 1)
const flaws = values.flaw ?? []
for (const flaw of flaws) {
  if (!Object.hasOwn(known, flaw)) end(`--flaw is one of: ${Object.keys(known).join("; ")}`)
}

if (values.flavour !== undefined && !flavours.some(({ name }) => name === values.flavour)) {
  end(`--flavour is one of: ${flavours.map(({ name }) => name).join("; ")}`)
}

let violations = 0
let failing = 0
const begun = performance.now()
for (let seed = from; seed < from + seeds; seed++) {
  const plan = Plan.only(Plan.draw(seed, values.flavour), listed(values.events), listed(values.faults))
  const result = Simulate.play(plan, { flaws })
  violations += result.violations.length
  if (result.violations.length > 0 && ++failing <= told)
    console.log(`${Report.of(result, { flaws }, values.flavour)}\n`)
  else if (result.violations.length > 0) console.log(`seed ${seed}: ${result.violations[0]}`)
  const done = seed - from + 1
  if (done % 1000 === 0) {
    console.error(
      `${done} seeds, ${Math.round((done * 1000) / (performance.now() - begun))} a second, ${failing} failing`
    )
  }
}
console.log(`${seeds} seeds, ${violations} violations`)
process.exitCode = violations === 0 ? 0 : 1
