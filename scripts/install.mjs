/**
 * Installs what the lock file names, when it is not installed yet: the first step of every npm script, so that a fresh
 * clone needs nothing before `npm start` or `npm test`. Runs on any Node from 20 on; everything after it runs on the
 * Node that comes with the dependencies.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const stamp = join(root, "node_modules", ".tributary-installed")
const wanted = createHash("sha256")
  .update(readFileSync(join(root, "package-lock.json")))
  .digest("hex")
const installed = existsSync(stamp) ? readFileSync(stamp, "utf8") : ""

if (installed !== wanted) {
  console.error("Installing dependencies (about 1 GB on disk; once) …")
  const { status } = spawnSync("npm", ["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", 2, 2]
  })
  if (status !== 0) {
    console.error("Installing failed: npm's message above says why. Run the command again when it is mended.")
    process.exit(1)
  }
  writeFileSync(stamp, wanted)
}

const ours = join(root, "node_modules", ".bin", "node")
const version = existsSync(ours) ? execFileSync(ours, ["--version"], { encoding: "utf8" }).trim() : process.version
const [major = 0, minor = 0] = version.slice(1).split(".").map(Number)
if (major < 22 || (major === 22 && minor < 19)) {
  console.error(
    `Tributary needs Node 22.19 or newer to run, and found ${version}. No build of Node could be installed for ` +
      `${process.platform} ${process.arch}; install a newer Node and run the command again.`
  )
  process.exit(1)
}
