/** Bytes that are put together piece by piece: the body of an insert, without a text of it ever being made. */

const encoder = new TextEncoder()
const hex = "0123456789abcdef"

export class Bytes {
  #bytes: Uint8Array
  #length = 0

  /** `expected` bytes are set aside at once; it grows by itself. */
  constructor(expected: number) {
    this.#bytes = new Uint8Array(Math.max(expected, 1024))
  }

  #room(more: number): Uint8Array {
    const needed = this.#length + more
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2))
      larger.set(this.#bytes.subarray(0, this.#length))
      this.#bytes = larger
    }
    return this.#bytes
  }

  /** Text of ASCII characters. */
  ascii(text: string): void {
    const bytes = this.#room(text.length)
    for (let i = 0; i < text.length; i++) bytes[this.#length++] = text.charCodeAt(i)
  }

  raw(piece: Uint8Array): void {
    this.#room(piece.length).set(piece, this.#length)
    this.#length += piece.length
  }

  /**
   * A JSON string that ClickHouse reads back byte by byte: only the quote, the backslash and bytes under 0x20 are escaped,
   * all others stay as they are, whether they are UTF-8 or not (guides clickhouse 5).
   */
  quoted(piece: string | Uint8Array): void {
    const source = typeof piece === "string" ? encoder.encode(piece) : piece
    const bytes = this.#room(source.length * 6 + 2)
    let at = this.#length
    bytes[at++] = 0x22
    for (const byte of source) {
      if (byte < 0x20) {
        bytes.set([0x5c, 0x75, 0x30, 0x30, hex.charCodeAt(byte >> 4), hex.charCodeAt(byte & 15)], at)
        at += 6
      } else {
        if (byte === 0x22 || byte === 0x5c) bytes[at++] = 0x5c
        bytes[at++] = byte
      }
    }
    bytes[at++] = 0x22
    this.#length = at
  }

  /** What was put together, not copied: nothing may be added afterwards. */
  done(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }
}
