/** How many of each program run, how they are replaced, and where what comes in arrives: the manifests' numbers fit together, and fit the pages. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { at, content, documents, folder, list, texts } from "./support/Yaml.ts"

const base = "kubernetes/base"
const lanes = "kubernetes/overlays/lanes"
const page = (name: string) => readFileSync(join(folder, "../docs/operating", name), "utf8")

const programs = ["capture", "worker"] as const
const deploymentOf = (name: string) => content(`${base}/${name}/deployment.yaml`)
const scalerOf = {
  capture: content(`${base}/capture/autoscaling.yaml`),
  worker: content(`${base}/worker-autoscaling.yaml`)
}
const scaled = documents(`${lanes}/scaling.yaml`)
const lanesScaled = scaled.filter((one) => at(one, "kind") === "ScaledObject")

/** Cores, of `500m` or `1`. */
const cores = (text: unknown) => (String(text).endsWith("m") ? Number.parseInt(String(text), 10) / 1000 : Number(text))

/** Partitions that topics.md recommends for the main lane: to start with, and for large ones. */
const [, first = 0, large = 0] = (
  /`events_plugin_ingestion` \| .*?(\d+) to start with, (\d+)–/.exec(page("topics.md")) ?? []
).map(Number)

describe("what comes in", () => {
  it("arrives at capture's pods, at the port where they serve", () => {
    const service = content(`${base}/capture/service.yaml`)
    const template = at(deploymentOf("capture"), "spec", "template")
    assert.deepStrictEqual(at(service, "spec", "selector"), at(template, "metadata", "labels"))
    const [port] = list(service, "spec", "ports")
    const named = list(template, "spec", "containers", 0, "ports").find(
      (one) => at(one, "name") === at(port, "targetPort")
    )
    assert.strictEqual(at(named, "containerPort"), 8000)
    assert.strictEqual(at(port, "port"), 80)
  })
})

describe("how programs are replaced", () => {
  it("one at a time, capture's by one more first, and never by more workers than there were", () => {
    const strategy = (name: string) => at(deploymentOf(name), "spec", "strategy")
    const type = "RollingUpdate"
    assert.deepStrictEqual(strategy("capture"), { type, rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } })
    assert.deepStrictEqual(strategy("worker"), { type, rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } })
    for (const name of programs) {
      assert.strictEqual(at(content(`${base}/${name}/disruption.yaml`), "spec", "maxUnavailable"), 1)
    }
  })
})

describe("how many run", () => {
  for (const name of programs) {
    it(`${name}: as many as its autoscaler says, and two at least, so that one may die`, () => {
      const deployment = deploymentOf(name)
      const scaler = scalerOf[name]
      assert.deepStrictEqual(at(scaler, "spec", "scaleTargetRef"), {
        apiVersion: at(deployment, "apiVersion"),
        kind: at(deployment, "kind"),
        name: at(deployment, "metadata", "name")
      })
      // With a number of its own each `kubectl apply` would undo what the autoscaler did.
      assert.isUndefined(at(deployment, "spec", "replicas"))
      assert.isAtLeast(Number(at(scaler, "spec", "minReplicas")), 2)
    })

    it(`${name}: another one comes before its one core is used up`, () => {
      const container = at(deploymentOf(name), "spec", "template", "spec", "containers", 0)
      const [metric] = list(scalerOf[name], "spec", "metrics")
      const share = Number(at(metric, "resource", "target", "averageUtilization")) / 100
      const used = share * cores(at(container, "resources", "requests", "cpu"))
      assert.isAtLeast(used, 0.5)
      assert.isAtMost(used, 0.8)
    })
  }

  it("no more workers than the main lane has partitions", () => {
    assert.strictEqual(Number(at(scalerOf.worker, "spec", "maxReplicas")), first)
    for (const one of lanesScaled) assert.isAtMost(Number(at(one, "spec", "maxReplicaCount")), large)
  })

  it("workers go slowly: each that comes or goes stops its group", () => {
    const windows = [
      at(scalerOf.worker, "spec", "behavior", "scaleDown"),
      ...lanesScaled.map((one) => at(one, "spec", "advanced", "horizontalPodAutoscalerConfig", "behavior", "scaleDown"))
    ].map((behavior) => at(behavior, "stabilizationWindowSeconds"))
    assert.deepStrictEqual(windows, [600, 600, 600])
  })

  it("each lane's deployment is scaled by one thing: KEDA or a number, never the base's autoscaler too", () => {
    const resources = list(content(`${lanes}/kustomization.yaml`), "resources")
    for (const resource of resources) assert.notMatch(String(resource), /base$|worker-autoscaling/)
    const named = lanesScaled.map((one) => at(one, "spec", "scaleTargetRef", "name"))
    for (const lane of ["main", "overflow", "historical"]) {
      const kustomization = content(`${lanes}/${lane}/kustomization.yaml`)
      assert.include(resources, lane)
      const name = `worker${at(kustomization, "nameSuffix")}`
      const fixed = list(kustomization, "replicas").map((one) => at(one, "name"))
      assert.deepStrictEqual(fixed, named.includes(name) ? [] : ["worker"], lane)
    }
    assert.deepStrictEqual(
      lanesScaled.map((one) => at(one, "metadata", "name")),
      named
    )
  })

  it("KEDA adds a worker for as much lag as one works off in some seconds, as the page says", () => {
    const perSecond = [...page("README.md").matchAll(/^\| worker, .*\| ([\d,]+) events \|$/gm)].map(([, text = ""]) =>
      Number(text.replace(",", ""))
    )
    assert.isNotEmpty(perSecond)
    for (const one of lanesScaled) {
      const { lagThreshold = "" } = texts(one, "spec", "triggers", 0, "metadata")
      const seconds = Number(lagThreshold) / (perSecond.reduce((sum, each) => sum + each, 0) / perSecond.length)
      assert.isAtLeast(seconds, 1.5)
      assert.isAtMost(seconds, 4.5)
      assert.include(page("containers.md"), `a threshold of ${Number(lagThreshold).toLocaleString("en")} messages`)
    }
  })

  it("KEDA asks the brokers that workers read, and logs in as they do", () => {
    const settings = texts(content(`${lanes}/settings.yaml`), "data")
    const authentication = scaled.find((one) => at(one, "kind") === "TriggerAuthentication")
    const given = list(authentication, "spec", "secretTargetRef").map((one) => at(one, "parameter"))
    assert.deepStrictEqual(given, ["username", "password", "ca"])
    for (const one of lanesScaled) {
      const trigger = at(one, "spec", "triggers", 0)
      const metadata = texts(trigger, "metadata")
      assert.strictEqual(at(trigger, "type"), "kafka")
      assert.strictEqual(at(trigger, "authenticationRef", "name"), at(authentication, "metadata", "name"))
      assert.strictEqual(metadata["bootstrapServers"], settings["KAFKA_HOSTS"])
      assert.strictEqual(metadata["sasl"], settings["KAFKA_SASL_MECHANISM"]?.toLowerCase().replace("-sha-", "_sha"))
      assert.strictEqual(metadata["tls"], settings["KAFKA_SECURITY_PROTOCOL"] === "SASL_SSL" ? "enable" : "disable")
      // As workers do: a group without positions begins at the start.
      assert.strictEqual(metadata["offsetResetPolicy"], "earliest")
    }
  })
})
