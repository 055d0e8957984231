/**
 * Compressions that kafkajs leaves to others: without them one such batch ends a consumer for good. zstd is Node's own,
 * snappy and lz4 are the other client's, if that is installed.
 */
import { zstdCompressSync, zstdDecompressSync } from "node:zlib"
import kafkajs from "kafkajs"
import { type Compression, compressions } from "../Settings.ts"

interface Codec {
  readonly compress: (encoder: { readonly buffer: Buffer }) => Promise<Buffer>
  readonly decompress: (buffer: Buffer) => Promise<Buffer>
}

interface Algorithm {
  readonly compressSync: (bytes: Buffer) => Buffer
  readonly decompressSync: (bytes: Buffer) => Buffer
}

const codecOf = ({ compressSync, decompressSync }: Algorithm): Codec => ({
  compress: async ({ buffer }) => compressSync(buffer),
  decompress: async (buffer) => decompressSync(buffer)
})

/** Says what there is then. The registry is kafkajs' own, and a process's. */
export const register = async (): Promise<ReadonlySet<Compression>> => {
  const { CompressionCodecs: codecs, CompressionTypes: types } = kafkajs
  codecs[types.ZSTD] = () => codecOf({ compressSync: zstdCompressSync, decompressSync: zstdDecompressSync })
  const other = await import("@platformatic/kafka").catch(() => undefined)
  if (other === undefined) return new Set(["none", "gzip", "zstd"])
  const { lz4, snappy } = other.compressionsAlgorithms
  codecs[types.LZ4] = () => codecOf(lz4)
  codecs[types.Snappy] = () => codecOf(snappy)
  return new Set(compressions)
}
