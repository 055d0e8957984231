/**
 * Regular expressions whose cost is linear in the text (spec cdp 2.3, 5.2).
 *
 * A pattern comes from a project's owner and the text from anyone, so a backtracking engine could be made to stand
 * still for years. This one keeps the set of states that are alive (Thompson's construction) and understands RE2's
 * syntax as far as a yes or no needs it: no captures are kept, and look-around and back-references are refused.
 */
import * as Result from "effect/Result"
import { type Assertion, type Node, parse as parseSyntax, Refusal, refuse } from "./PatternSyntax.ts"

/** True when the pattern occurs in the text. Only the first 65,536 UTF-16 units of a text are looked at. */
export type Pattern = (text: string) => boolean

const maxText = 65_536
/** States of one pattern. */
const maxStates = 1_000

type Instruction =
  | { readonly op: "char"; readonly test: (codePoint: number) => boolean }
  | { readonly op: "assert"; readonly assertion: Assertion }
  | { readonly op: "split"; targets: Array<number> }
  | { readonly op: "match" }

const compile = (root: Node): ReadonlyArray<Instruction> => {
  const program: Array<Instruction> = []
  const emit = <I extends Instruction>(instruction: I): I => {
    if (program.length >= maxStates) refuse("too large a pattern")
    program.push(instruction)
    return instruction
  }
  const write = (node: Node): void => {
    switch (node._tag) {
      case "Char":
        emit({ op: "char", test: node.test })
        return
      case "Assert":
        emit({ op: "assert", assertion: node.assertion })
        return
      case "Sequence":
        for (const child of node.nodes) write(child)
        return
      case "Either": {
        const fork = emit({ op: "split", targets: [] as Array<number> })
        const ends: Array<{ targets: Array<number> }> = []
        for (const child of node.nodes) {
          fork.targets.push(program.length)
          write(child)
          ends.push(emit({ op: "split", targets: [] }))
        }
        for (const end of ends) end.targets.push(program.length)
        return
      }
      case "Repeat": {
        for (let i = 0; i < node.min; i++) write(node.node)
        if (node.max === Number.POSITIVE_INFINITY) {
          const start = program.length
          const fork = emit({ op: "split", targets: [start + 1] })
          write(node.node)
          emit({ op: "split", targets: [start] })
          fork.targets.push(program.length)
          return
        }
        const forks: Array<{ targets: Array<number> }> = []
        for (let i = node.min; i < node.max; i++) {
          forks.push(emit({ op: "split", targets: [program.length + 1] }))
          write(node.node)
        }
        for (const fork of forks) fork.targets.push(program.length)
      }
    }
  }
  write(root)
  emit({ op: "match" })
  return program
}

const isWord = (codePoint: number): boolean =>
  (codePoint >= 48 && codePoint <= 57) ||
  (codePoint >= 65 && codePoint <= 90) ||
  codePoint === 95 ||
  (codePoint >= 97 && codePoint <= 122)

/** -1 stands for "no character": before the first and behind the last. */
const holds = (assertion: Assertion, before: number, after: number): boolean => {
  switch (assertion) {
    case "textStart":
      return before === -1
    case "textEnd":
      return after === -1
    case "lineStart":
      return before === -1 || before === 10
    case "lineEnd":
      return after === -1 || after === 10
    case "wordEdge":
      return isWord(before) !== isWord(after)
    case "noWordEdge":
      return isWord(before) === isWord(after)
  }
}

const search = (program: ReadonlyArray<Instruction>, text: string): boolean => {
  let alive: Array<number> = []
  let following: Array<number> = []
  const seenAt = new Int32Array(program.length).fill(-1)
  const stack: Array<number> = []
  let before = -1
  for (let unit = 0, step = 0; ; step++) {
    const here = unit < text.length ? (text.codePointAt(unit) ?? -1) : -1
    const waiting = [...following, 0]
    alive = []
    for (const start of waiting) {
      stack.push(start)
      for (let state = stack.pop(); state !== undefined; state = stack.pop()) {
        if (seenAt[state] === step) continue
        seenAt[state] = step
        const instruction = program[state]
        if (instruction === undefined) continue
        if (instruction.op === "match") return true
        if (instruction.op === "char") alive.push(state)
        else if (instruction.op === "split") stack.push(...instruction.targets)
        else if (holds(instruction.assertion, before, here)) stack.push(state + 1)
      }
    }
    if (here === -1) return false
    following = []
    for (const state of alive) {
      const instruction = program[state]
      if (instruction?.op === "char" && instruction.test(here)) following.push(state + 1)
    }
    before = here
    unit += here > 0xffff ? 2 : 1
  }
}

const isPlain = /^[^\\^$.|?*+()[\]{}]*$/

/** Compiles a pattern; the failure says in a few words what is not understood. */
export const parse = (source: string): Result.Result<Pattern, string> => {
  if (isPlain.test(source)) return Result.succeed((text) => text.slice(0, maxText).includes(source))
  try {
    const program = compile(parseSyntax(source))
    return Result.succeed((text) => search(program, text.slice(0, maxText)))
  } catch (problem) {
    if (problem instanceof Refusal) return Result.fail(problem.problem)
    throw problem
  }
}
