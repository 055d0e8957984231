/**
 * How heavy a JSON text would be once it is parsed. Half a megabyte of gzip can hold fifty million empty lists: they take
 * gigabytes, and the parser minutes, for whatever it has read of the lists and objects that are still open is visited at each
 * collection of garbage. So large texts are looked through before they are parsed, which takes a fraction of the time.
 */

/** Shorter texts cannot do harm. */
const harmlessLength = 1024 * 1024

/** Entries of all lists and objects that are open at a time, those lists and objects included; a batch's events count here. */
export const maxOpenEntries = 1_000_000

/** Lists and objects altogether. */
export const maxContainers = 10_000_000

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c

/** The index of the quote that ends the string which begins after `start`; the text's length where none does. */
const endOfString = (text: string, start: number): number => {
  for (let end = text.indexOf('"', start); end >= 0; end = text.indexOf('"', end + 1)) {
    let escapes = 0
    while (text.charCodeAt(end - 1 - escapes) === backslash) escapes++
    if (escapes % 2 === 0) return end
  }
  return text.length
}

/** True when a text is too heavy to be parsed. Says nothing of whether it is JSON. */
export const isTooHeavy = (text: string): boolean => {
  if (text.length <= harmlessLength) return false
  let containers = 0
  /** Entries of all open containers, and those of each. */
  let open = 0
  const entries: Array<number> = []
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === quote) i = endOfString(text, i + 1)
    else if (code === comma) {
      open += 1
      if (entries.length > 0) entries[entries.length - 1]! += 1
    } else if (code === 0x7b || code === 0x5b) {
      containers += 1
      open += 1
      entries.push(1)
    } else if (code === 0x7d || code === 0x5d) open -= entries.pop() ?? 0
    if (open > maxOpenEntries || containers > maxContainers) return true
  }
  return false
}
