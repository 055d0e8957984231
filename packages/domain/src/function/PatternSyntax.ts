/** The syntax of patterns: RE2's, as far as a yes or no needs it. What is not understood is refused. */

/** Groups nested deeper are refused: what reads them does so with the stack. */
const maxDepth = 50
/** As in RE2. */
const maxRepeat = 1_000

export type Assertion = "textStart" | "textEnd" | "lineStart" | "lineEnd" | "wordEdge" | "noWordEdge"

export type Node =
  | { readonly _tag: "Char"; readonly test: (codePoint: number) => boolean }
  | { readonly _tag: "Assert"; readonly assertion: Assertion }
  | { readonly _tag: "Sequence"; readonly nodes: ReadonlyArray<Node> }
  | { readonly _tag: "Either"; readonly nodes: ReadonlyArray<Node> }
  | { readonly _tag: "Repeat"; readonly node: Node; readonly min: number; readonly max: number }

const empty: Node = { _tag: "Sequence", nodes: [] }

/** What is wrong with a pattern; caught by who parses. */
export class Refusal {
  readonly problem: string
  constructor(problem: string) {
    this.problem = problem
  }
}
export const refuse = (problem: string): never => {
  throw new Refusal(problem)
}

interface Flags {
  readonly ignoreCase: boolean
  readonly multiLine: boolean
  readonly dotAll: boolean
}

const perlClasses = new Set(["d", "D", "w", "W", "s", "S"])
const posixClasses: ReadonlyMap<string, string> = new Map([
  ["alnum", "0-9A-Za-z"],
  ["alpha", "A-Za-z"],
  ["ascii", "\\x00-\\x7F"],
  ["blank", "\\t "],
  ["cntrl", "\\x00-\\x1F\\x7F"],
  ["digit", "0-9"],
  ["graph", "!-~"],
  ["lower", "a-z"],
  ["print", " -~"],
  ["punct", "!-\\/:-@\\[-`\\{-~"],
  ["space", "\\t\\n\\v\\f\\r "],
  ["upper", "A-Z"],
  ["word", "0-9A-Za-z_"],
  ["xdigit", "0-9A-Fa-f"]
])
const controls: ReadonlyMap<string, number> = new Map([
  ["a", 7],
  ["f", 12],
  ["n", 10],
  ["r", 13],
  ["t", 9],
  ["v", 11]
])

const escaped = (codePoint: number): string => `\\u{${codePoint.toString(16)}}`

class Parser {
  private readonly chars: ReadonlyArray<string>
  private at = 0
  private flags: Flags = { ignoreCase: false, multiLine: false, dotAll: false }

  constructor(source: string) {
    this.chars = [...source]
  }

  all(): Node {
    const node = this.either(0)
    if (this.at < this.chars.length) refuse("an unmatched )")
    return node
  }

  private peek(): string | undefined {
    return this.chars[this.at]
  }

  private take(text: string): boolean {
    const matches = [...text].every((char, i) => this.chars[this.at + i] === char)
    if (matches) this.at += text.length
    return matches
  }

  private until(end: string): string {
    const close = this.chars.indexOf(end, this.at)
    if (close < 0) refuse(`a missing ${end}`)
    const text = this.chars.slice(this.at, close).join("")
    this.at = close + 1
    return text
  }

  private either(depth: number): Node {
    if (depth > maxDepth) refuse("groups nested too deep")
    const outer = this.flags
    const nodes = [this.sequence(depth)]
    while (this.take("|")) nodes.push(this.sequence(depth))
    this.flags = outer
    return nodes.length === 1 && nodes[0] !== undefined ? nodes[0] : { _tag: "Either", nodes }
  }

  private sequence(depth: number): Node {
    const nodes: Array<Node> = []
    for (let char = this.peek(); char !== undefined && char !== "|" && char !== ")"; char = this.peek()) {
      nodes.push(this.repeated(this.atom(depth)))
    }
    return { _tag: "Sequence", nodes }
  }

  private repeated(node: Node): Node {
    let result = node
    for (let times = 0; ; times++) {
      const bounds = this.bounds()
      if (bounds === undefined) return result
      if (times > 0) refuse("a repetition of a repetition")
      this.take("?")
      result = { _tag: "Repeat", node, min: bounds[0], max: bounds[1] }
    }
  }

  private bounds(): readonly [min: number, max: number] | undefined {
    if (this.take("*")) return [0, Number.POSITIVE_INFINITY]
    if (this.take("+")) return [1, Number.POSITIVE_INFINITY]
    if (this.take("?")) return [0, 1]
    if (this.peek() !== "{") return undefined
    const match = /^\{(\d{1,5})(,(\d{0,5}))?\}/.exec(this.chars.slice(this.at, this.at + 14).join(""))
    if (match === null) return undefined
    this.at += match[0].length
    const min = Number(match[1])
    const max = match[2] === undefined ? min : match[3] === "" ? Number.POSITIVE_INFINITY : Number(match[3])
    if (min > maxRepeat || (max !== Number.POSITIVE_INFINITY && max > maxRepeat) || max < min) refuse("bad bounds {…}")
    return [min, max]
  }

  private atom(depth: number): Node {
    const char = this.chars[this.at++]
    switch (char) {
      case "(":
        return this.group(depth)
      case "[":
        return this.characterClass()
      case ".": {
        const { dotAll } = this.flags
        return { _tag: "Char", test: (codePoint) => dotAll || codePoint !== 10 }
      }
      case "^":
        return { _tag: "Assert", assertion: this.flags.multiLine ? "lineStart" : "textStart" }
      case "$":
        return { _tag: "Assert", assertion: this.flags.multiLine ? "lineEnd" : "textEnd" }
      case "\\":
        return this.escape()
      case "*":
      case "+":
      case "?":
      case undefined:
        return refuse("a repetition of nothing")
      default:
        return this.literal(char)
    }
  }

  private group(depth: number): Node {
    if (this.take("?")) {
      if (this.take("P<") || (this.peek() === "<" && !/[=!]/.test(this.chars[this.at + 1] ?? "") && this.take("<"))) {
        if (!/^\w+$/.test(this.until(">"))) refuse("a bad group name")
      } else if (!this.take(":")) {
        const before = this.flags
        const node = this.groupFlags() ? empty : this.closeGroup(this.either(depth + 1))
        if (node !== empty) this.flags = before
        return node
      }
    }
    return this.closeGroup(this.either(depth + 1))
  }

  private closeGroup(node: Node): Node {
    if (!this.take(")")) refuse("a missing )")
    return node
  }

  /** True for `(?flags)`, which holds until the group around it ends; false for `(?flags:`, which opens a group. */
  private groupFlags(): boolean {
    let on = true
    for (let char = this.chars[this.at++]; ; char = this.chars[this.at++]) {
      if (char === "-") on = false
      else if (char === "i") this.flags = { ...this.flags, ignoreCase: on }
      else if (char === "m") this.flags = { ...this.flags, multiLine: on }
      else if (char === "s") this.flags = { ...this.flags, dotAll: on }
      else if (char === ")") return true
      else if (char === ":") return false
      else refuse("a group of a kind that is not understood (?…")
    }
  }

  private literal(char: string): Node {
    const codePoint = char.codePointAt(0) ?? 0
    if (!this.flags.ignoreCase) return { _tag: "Char", test: (other) => other === codePoint }
    return this.tested(escaped(codePoint))
  }

  /** One character, tested by the platform's engine: on a single character nothing can backtrack. */
  private tested(inside: string): Node {
    try {
      const pattern = new RegExp(`^[${inside}]$`, this.flags.ignoreCase ? "iu" : "u")
      return { _tag: "Char", test: (codePoint) => pattern.test(String.fromCodePoint(codePoint)) }
    } catch {
      return refuse("a bad character class")
    }
  }

  private escape(): Node {
    const char = this.peek()
    const assertions: Readonly<Record<string, Assertion>> = {
      A: "textStart",
      z: "textEnd",
      b: "wordEdge",
      B: "noWordEdge"
    }
    const assertion = char === undefined || !Object.hasOwn(assertions, char) ? undefined : assertions[char]
    if (assertion !== undefined) {
      this.at += 1
      return { _tag: "Assert", assertion }
    }
    if (char === "Q") {
      this.at += 1
      const nodes: Array<Node> = []
      while (this.at < this.chars.length && !this.take("\\E")) nodes.push(this.literal(this.chars[this.at++] ?? ""))
      return { _tag: "Sequence", nodes }
    }
    return this.tested(this.escapeInside())
  }

  /** What stands behind a backslash, as the inside of a character class of the platform's syntax. */
  private escapeInside(): string {
    const char = this.chars[this.at++]
    if (char === undefined) return refuse("a lone \\ at the end")
    if (perlClasses.has(char)) return `\\${char}`
    const control = controls.get(char)
    if (control !== undefined) return escaped(control)
    if (char === "x") {
      const digits = this.take("{") ? this.until("}") : this.chars.slice(this.at, (this.at += 2)).join("")
      const codePoint = /^[0-9a-f]{1,6}$/i.test(digits) ? Number.parseInt(digits, 16) : Number.NaN
      return codePoint <= 0x10ffff ? escaped(codePoint) : refuse("a bad \\x")
    }
    if (char === "p" || char === "P") {
      const name = this.take("{") ? this.until("}") : (this.chars[this.at++] ?? "")
      const isCategory = /^[A-Z][a-z]?$/.test(name)
      if (!/^\w+$/.test(name)) refuse(`a bad \\${char}`)
      return `\\${char}{${isCategory ? name : `Script=${name}`}}`
    }
    if (/[0-9A-Za-z]/.test(char)) return refuse(`\\${char}, which is not understood`)
    return escaped(char.codePointAt(0) ?? 0)
  }

  private characterClass(): Node {
    let inside = this.take("^") ? "^" : ""
    for (let first = true; ; first = false) {
      const char = this.chars[this.at++]
      if (char === undefined) return refuse("a missing ]")
      if (char === "]" && !first) return this.tested(inside)
      if (char === "[" && this.peek() === ":") {
        this.at += 1
        const name = this.until("]")
        const members = posixClasses.get(name.slice(0, -1))
        if (!name.endsWith(":") || members === undefined) return refuse("a bad [:class:]")
        inside += members
      } else if (char === "\\") inside += this.escapeInside()
      else if (char === "-") inside += "-"
      else inside += escaped(char.codePointAt(0) ?? 0)
    }
  }
}

/** The structure of a pattern. Throws a `Refusal`. */
export const parse = (source: string): Node => new Parser(source).all()
