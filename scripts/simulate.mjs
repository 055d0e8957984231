/**
 * The simulator over many seeds: `--seeds N [--from S]`. A failing seed is told with the shortest history found and the command that
 * replays it, which names what was left of it (`--events`, `--faults`: numbers, or `none`). `--flavour NAME` presses one thing in all of them,
 * `--flaw NAME` plants a bug, to see how it is found. `--jobs N` threads play, one a core by default. The last line is
 * `N seeds, V violations`.
 */
import { availableParallelism } from "node:os"
import { parseArgs } from "node:util"
import { isMainThread, parentPort, Worker } from "node:worker_threads"
import { flavours } from "@tributary/pipeline/simulate/Flavour"
import { flaws as known } from "@tributary/pipeline/simulate/Flaws"
import * as Plan from "@tributary/pipeline/simulate/Plan"
import * as Report from "@tributary/pipeline/simulate/Report"
import * as Simulate from "@tributary/pipeline/simulate/Simulate"

/** Failing seeds that are told in full; the others by their number. */
const told = 3
/** Seeds that a thread takes at a time: a few seconds' worth, so that all end at about the same time. */
const slice = 100

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
      jobs: string,
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

const draw = (seed) => Plan.only(Plan.draw(seed, values.flavour), listed(values.events), listed(values.faults))

/** The failing seeds of a slice, each with how many violations there are, and the first of them. */
const play = ({ first, end }) => {
  const failing = []
  for (let seed = first; seed < end; seed++) {
    const { violations } = Simulate.play(draw(seed), { flaws })
    if (violations.length > 0) failing.push({ seed, count: violations.length, violation: violations[0] })
  }
  return failing
}

const main = async () => {
  const begun = performance.now()
  const until = from + seeds
  let next = from
  let done = 0
  let violations = 0
  let failing = 0
  const take = () => {
    const first = next
    next = Math.min(first + slice, until)
    return { first, end: next }
  }
  const tell = ({ seed, count, violation }) => {
    violations += count
    if (++failing <= told) {
      console.log(`${Report.of(Simulate.play(draw(seed), { flaws }), { flaws }, values.flavour)}\n`)
    } else console.log(`seed ${seed}: ${violation}`)
  }
  const finish = ({ first, end }, found) => {
    for (const one of found) tell(one)
    const before = done
    done += end - first
    if (Math.floor(done / 1000) > Math.floor(before / 1000)) {
      const rate = Math.round((done * 1000) / (performance.now() - begun))
      console.error(`${done} seeds, ${rate} a second, ${failing} failing`)
    }
  }
  /** Has a thread play slice after slice until none is left. */
  const employ = () =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL(import.meta.url), { argv: process.argv.slice(2) })
      let mine
      const give = () => {
        mine = next < until ? take() : undefined
        if (mine === undefined) resolve(worker.terminate())
        else worker.postMessage(mine)
      }
      worker.on("message", (found) => {
        finish(mine, found)
        give()
      })
      worker.on("error", reject)
      give()
    })

  const jobs = Math.min(number("jobs", availableParallelism()), Math.ceil(seeds / slice))
  if (jobs > 1) await Promise.all(Array.from({ length: jobs }, employ))
  while (next < until) {
    const mine = take()
    finish(mine, play(mine))
  }
  console.log(`${seeds} seeds, ${violations} violations`)
  process.exitCode = violations === 0 ? 0 : 1
}

if (isMainThread) await main()
else parentPort.on("message", (mine) => parentPort.postMessage(play(mine)))
