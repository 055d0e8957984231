/** The manifests: every file is used, settings are read, probes and ports are the programs', and pods have no rights that they do not need. */
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { stopWithinMs } from "@tributary/runtime-node/process/Program"
import { Effect } from "effect"
import * as Folder from "../../packages/embedded/test/support/Folder.ts"
import { programs, read } from "./support/Settings.ts"
import { at, content, documents, files, folder, list, texts } from "./support/Yaml.ts"

const all = files("kubernetes")
const base = "kubernetes/base"
const lanes = "kubernetes/overlays/lanes"
const deploymentOf = (name: string) => content(`${base}/${name}/deployment.yaml`)
const settingsOf = (path: string) => texts(content(path), "data")
const container = (deployment: unknown) => at(deployment, "spec", "template", "spec", "containers", 0)

/** The environment of a container, with something for every secret and a file for every path. */
const environment = (settings: Readonly<Record<string, string>>, entries: ReadonlyArray<unknown>, secrets: string) => {
  const given = entries.map((entry): [string, string] => {
    const name = String(at(entry, "name"))
    const value = at(entry, "value") ?? (name === "DATABASE_URL" ? "postgres://user:x@host/db" : "x".repeat(32))
    return [name, String(value)]
  })
  return Object.fromEntries(
    [...Object.entries(settings), ...given].map(([name, value]) => [
      name,
      name.endsWith("_FILE") ? value.replace("/run/secrets/kafka", secrets) : value
    ])
  )
}

describe("the manifests", () => {
  it("are all part of a kustomization, and nothing is that does not exist", () => {
    const used = new Set<string>()
    for (const path of all.filter((one) => one.endsWith("/kustomization.yaml"))) {
      const kustomization = content(path)
      used.add(path)
      const named = [
        ...list(kustomization, "resources"),
        ...list(kustomization, "patches").map((patch) => at(patch, "path"))
      ].filter((name) => name !== undefined)
      for (const name of named) {
        const file = join(dirname(path), String(name))
        assert.isTrue(existsSync(join(folder, file)), `${path} names ${name}`)
        const isFolder = statSync(join(folder, file)).isDirectory()
        used.add(isFolder ? join(file, "kustomization.yaml") : file)
      }
    }
    assert.deepStrictEqual(
      all.filter((path) => !used.has(path)),
      []
    )
  })

  for (const [name, path] of [
    ["capture", "http"],
    ["worker", "health"]
  ] as const) {
    const deployment = deploymentOf(name)
    const pod = at(deployment, "spec", "template", "spec")

    it(`${name} is asked how it is at the port of its health`, () => {
      const ports = new Map(
        list(container(deployment), "ports").map((one) => [at(one, "name"), at(one, "containerPort")])
      )
      assert.strictEqual(ports.get("health"), 8001)
      assert.isTrue(ports.has(path))
      for (const [probe, where] of [
        ["startupProbe", "/_liveness"],
        ["livenessProbe", "/_liveness"],
        ["readinessProbe", "/_readiness"]
      ] as const) {
        assert.deepStrictEqual(at(container(deployment), probe, "httpGet"), { path: where, port: "health" })
      }
      assert.strictEqual(at(deployment, "spec", "template", "metadata", "annotations", "prometheus.io/port"), "8001")
    })

    it(`${name} runs as an ordinary user, writes nowhere, and asks for what it needs`, () => {
      const { version } = JSON.parse(readFileSync(join(folder, "../package.json"), "utf8"))
      assert.strictEqual(at(container(deployment), "image"), `tributary/${name}:${version}`)
      assert.strictEqual(at(pod, "securityContext", "runAsNonRoot"), true)
      assert.strictEqual(at(pod, "automountServiceAccountToken"), false)
      assert.deepStrictEqual(at(container(deployment), "securityContext"), {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] }
      })
      assert.isDefined(at(container(deployment), "resources", "requests", "cpu"))
      assert.isDefined(at(container(deployment), "resources", "limits", "memory"))
    })

    it(`${name} has time to drain`, () => {
      const [, before = "0"] = list(container(deployment), "lifecycle", "preStop", "exec", "command")
      const seconds = Number(at(pod, "terminationGracePeriodSeconds")) - Number(before)
      assert.isAbove(seconds * 1000, stopWithinMs)
    })

    it(`${name}'s pods are those that its deployment, budget and policy mean`, () => {
      const labels = at(deployment, "spec", "template", "metadata", "labels")
      const budget = content(`${base}/${name}/disruption.yaml`)
      const policy = content(`${base}/${name}/network.yaml`)
      assert.deepStrictEqual(at(deployment, "spec", "selector", "matchLabels"), labels)
      assert.deepStrictEqual(at(budget, "spec", "selector", "matchLabels"), labels)
      assert.deepStrictEqual(at(policy, "spec", "podSelector", "matchLabels"), labels)
    })

    it.effect(
      `${name} starts with the settings of the base and of the overlay, and some program reads each of them`,
      () =>
        Effect.gen(function* () {
          const secrets = yield* Folder.make
          writeFileSync(join(secrets, "password"), "secret\n")
          writeFileSync(join(secrets, "ca.crt"), "-----BEGIN CERTIFICATE-----\n")
          const entries = list(container(deployment), "env")
          const shared = settingsOf(`${base}/settings/settings.yaml`)
          const patched = { ...shared, ...settingsOf(`${lanes}/settings.yaml`) }
          const login = list(content(`${lanes}/kafka-login.yaml`)).map((one) => at(one, "value"))
          for (const [settings, more] of [
            [shared, []],
            [patched, login]
          ] as const) {
            const { unasked } = yield* read<unknown>(
              programs[name],
              environment(settings, [...entries, ...more], secrets)
            )
            // The map is shared: ClickHouse and the worker's own settings mean nothing to capture.
            const foreign = name === "capture" ? /^(CLICKHOUSE_|INGESTION_)/ : /^$/
            assert.deepStrictEqual(
              unasked.filter((one) => !foreign.test(one)),
              []
            )
          }
        })
    )
  }

  it.effect("lanes and what they are scaled on are those that workers read", () =>
    Effect.gen(function* () {
      const needed = { KAFKA_HOSTS: "k:9092", DATABASE_URL: "postgres://u@h/d", CLICKHOUSE_URL: "http://c:8123" }
      const { settings } = yield* read(programs.worker, needed)
      const { group } = settings.consumption
      const wanted = [
        { consumerGroup: group, topic: settings.lanes.main },
        { consumerGroup: `${group}-overflow`, topic: settings.lanes.overflow }
      ]
      const scaled = documents(`${lanes}/scaling.yaml`).filter((one) => at(one, "kind") === "ScaledObject")
      assert.deepStrictEqual(
        scaled.map((one) => {
          const { consumerGroup, topic } = texts(one, "spec", "triggers", 0, "metadata")
          return { consumerGroup, topic }
        }),
        wanted
      )
      for (const lane of ["main", "overflow", "historical"]) {
        const kustomization = content(`${lanes}/${lane}/kustomization.yaml`)
        const patch = String(at(kustomization, "patches", 0, "patch"))
        assert.match(patch, new RegExp(`name: INGESTION_LANE\\n +value: ${lane}$`))
        yield* read(programs.worker, { ...needed, INGESTION_LANE: lane })
      }
    })
  )
})
