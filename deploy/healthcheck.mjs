/**
 * Whether the program in this container is alive: `healthcheck.mjs DEFAULT_PORT SETTING…`, where the first setting that is
 * there names the port. Exit code 0 or 1, as a container engine expects. The image has no curl.
 */
const [fallback, ...settings] = process.argv.slice(2)
const port = settings.map((name) => process.env[name]).find((value) => value) ?? fallback

try {
  const { ok } = await fetch(`http://127.0.0.1:${port}/_liveness`, { signal: AbortSignal.timeout(4000) })
  process.exitCode = ok ? 0 : 1
} catch {
  process.exitCode = 1
}
