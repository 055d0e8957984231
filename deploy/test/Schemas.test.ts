/** The manifests and the compose file are what Kubernetes, KEDA and Compose take: held to their own schemas, strictly. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Ajv2020 } from "ajv/dist/2020.js"
import { at, content, documents, files, list, parse } from "./support/Yaml.ts"

const schema = (name: string) => JSON.parse(readFileSync(join(import.meta.dirname, "fixtures", name), "utf8"))

// The schemas' own words for formats are not JSON Schema's.
const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true })
const kubernetes = schema("kubernetes.json")
ajv.addSchema(kubernetes, "kubernetes")
const compose = ajv.compile(schema("compose.json"))

/** What is wrong with a document, each as a path and a sentence. */
const problems = (reference: string, document: unknown): ReadonlyArray<string> => {
  const validate = ajv.getSchema(`kubernetes#/${reference}`)
  if (validate === undefined) return [`nobody knows ${reference}`]
  validate(document)
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`
  )
}

/** In a JSON pointer inside a URL. */
const step = (name: string) => encodeURIComponent(name.replaceAll("~", "~0").replaceAll("/", "~1"))

const problemsOf = (document: unknown) => {
  const kind = `${at(document, "apiVersion")}/${at(document, "kind")}`
  return Object.hasOwn(kubernetes.kinds, kind) ? problems(`kinds/${step(kind)}`, document) : [`nobody knows ${kind}`]
}

/** Kustomize's own files, and its JSON patches, are no objects of Kubernetes. */
const isObject = (document: unknown) =>
  !Array.isArray(document) && !String(at(document, "apiVersion")).startsWith("kustomize.config.k8s.io/")

describe("the manifests' schemas", () => {
  for (const path of files("kubernetes")) {
    const objects = documents(path).filter(isObject)
    if (objects.length === 0) continue
    it(`${path} is what Kubernetes takes`, () => {
      for (const object of objects) assert.deepStrictEqual(problemsOf(object), [])
    })
  }

  it("what patches add to containers are variables as Kubernetes takes them", () => {
    const kustomizations = files("kubernetes").filter((path) => path.endsWith("/kustomization.yaml"))
    const inline = kustomizations.flatMap((path) =>
      list(content(path), "patches").flatMap((patch) => {
        const text = at(patch, "patch")
        return typeof text === "string" ? [text] : []
      })
    )
    const operations = [
      ...list(content("kubernetes/overlays/lanes/kafka-login.yaml")),
      ...inline.flatMap((text) => list(parse(text)[0]))
    ]
    assert.isAbove(operations.length, inline.length)
    for (const operation of operations) {
      assert.deepStrictEqual(
        [at(operation, "op"), at(operation, "path")],
        ["add", "/spec/template/spec/containers/0/env/-"]
      )
      assert.deepStrictEqual(problems("$defs/io.k8s.api.core.v1.EnvVar", at(operation, "value")), [])
    }
  })

  it("refuse a field that nobody knows, one of another type, and one that is missing", () => {
    const spec = { selector: {}, template: { metadata: {}, spec: { containers: [{ name: "a", image: "a" }] } } }
    const deployment = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "a" }, spec }
    assert.deepStrictEqual(problemsOf(deployment), [])
    assert.lengthOf(problemsOf({ ...deployment, spec: { ...spec, replica: 2 } }), 1)
    assert.lengthOf(problemsOf({ ...deployment, spec: { ...spec, replicas: "2" } }), 1)
    assert.lengthOf(problemsOf({ ...deployment, spec: { selector: {} } }), 1)
    assert.lengthOf(problemsOf({ ...deployment, apiVersion: "apps/v1beta1" }), 1)
  })
})

describe("the compose file's schema", () => {
  it("takes it", () => {
    compose(content("compose.yaml"))
    assert.deepStrictEqual(compose.errors ?? [], [])
  })

  it("refuses a key that nobody knows, and one of another type", () => {
    const service = (more: object) => compose({ services: { a: { image: "a", ...more } } })
    assert.isTrue(service({}))
    assert.isFalse(service({ helthcheck: {} }))
    assert.isFalse(service({ ports: "80:80" }))
  })
})
