/**
 * The decoder of lz-string's base64 form (`compressToBase64`), which posthog-js up to 1.20 and posthog-js-lite up to 2.5
 * send. Written here because the library has no limit to what it puts out, and a few kilobytes can stand for gigabytes.
 *
 * The format is LZ78 over UTF-16 units, in codes of growing width, least significant bit first; six bits a character of base64, most
 * significant bit first. Code 0 announces a new unit of 8 bits, 1 one of 16 bits, 2 ends the text. Every other code
 * names an entry of the dictionary: a new unit, or an earlier entry and the first unit of the one that followed it. So
 * each entry is a stretch of the text put out so far, and is kept as its place and length alone.
 */

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
const sixBits = new Int8Array(128).fill(-1)
for (let i = 0; i < alphabet.length; i++) sixBits[alphabet.charCodeAt(i)] = i
/** Padding counts as zero bits. */
sixBits["=".charCodeAt(0)] = 0

const grown = <A extends Uint16Array | Int32Array>(array: A, bigger: A): A => {
  bigger.set(array)
  return bigger
}

/** The text, "too large" above `maxUnits` UTF-16 units, or undefined when the input is none of lz-string's. */
export const decompressBase64 = (input: string, maxUnits: number): string | "too large" | undefined => {
  let nextChar = 0
  let bits = 0
  let bitsLeft = 0
  /** -1 at the end of the input or at a character that is not of base64. */
  const read = (width: number): number => {
    let value = 0
    for (let i = 0; i < width; i++) {
      if (bitsLeft === 0) {
        const code = input.charCodeAt(nextChar++)
        bits = code < 128 ? sixBits[code]! : -1
        if (bits < 0) return -1
        bitsLeft = 6
      }
      bitsLeft -= 1
      value |= ((bits >> bitsLeft) & 1) << i
    }
    return value
  }

  let out = new Uint16Array(Math.min(maxUnits, 2 * input.length) + 1)
  let length = 0
  let starts = new Int32Array(1024)
  let lengths = new Int32Array(1024)
  let entries = 3
  const define = (start: number, size: number): void => {
    if (entries === starts.length) {
      starts = grown(starts, new Int32Array(2 * entries))
      lengths = grown(lengths, new Int32Array(2 * entries))
    }
    starts[entries] = start
    lengths[entries] = size
    entries += 1
  }

  let width = 2
  let entriesUntilWider = 1
  const countEntry = (): void => {
    entriesUntilWider -= 1
    if (entriesUntilWider > 0) return
    entriesUntilWider = 2 ** width
    width += 1
  }

  let previousStart = 0
  let previousLength = 0
  while (true) {
    const code = read(width)
    if (code < 0) return undefined
    if (code === 2) return Buffer.from(out.buffer, 0, 2 * length).toString("utf16le")
    // The first entry counts once, although there is none before it to be prolonged.
    const isFirst = previousLength === 0
    let from = 0
    let size = 1
    let unit = -1
    if (code < 2) {
      unit = read(code === 0 ? 8 : 16)
      if (unit < 0) return undefined
      define(length, 1)
      if (!isFirst) countEntry()
    } else if (isFirst || code > entries) return undefined
    else if (code < entries) {
      from = starts[code]!
      size = lengths[code]!
    } else {
      // The entry that is about to be made: the previous text and its own first unit, which is copied below.
      from = previousStart
      size = previousLength + 1
    }
    if (length + size > maxUnits) return "too large"
    if (length + size > out.length) out = grown(out, new Uint16Array(Math.min(maxUnits, 2 * (length + size))))
    if (unit >= 0) out[length] = unit
    else for (let i = 0; i < size; i++) out[length + i] = out[from + i]!
    if (!isFirst) define(previousStart, previousLength + 1)
    countEntry()
    previousStart = length
    previousLength = size
    length += size
  }
}
