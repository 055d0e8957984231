const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** The value of a header: text, or bytes where it is no UTF-8. */
export const headerText = (value: Uint8Array): string | Uint8Array => {
  try {
    return decoder.decode(value)
  } catch {
    return new Uint8Array(value)
  }
}
