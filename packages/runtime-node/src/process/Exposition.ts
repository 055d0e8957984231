/** Metrics of several processes as one text in Prometheus' format: each sample with the label `process`. */

interface Family {
  readonly about: Array<string>
  readonly samples: Array<string>
}

/** `# HELP name …` and `# TYPE name …` begin a family; what follows are its samples. */
export const merge = (texts: ReadonlyArray<readonly [process: number, text: string]>): string => {
  const families = new Map<string, Family>()
  for (const [process, text] of texts) {
    const isKnown = new Set(families.keys())
    let family: Family = { about: [], samples: [] }
    for (const line of text.split("\n")) {
      if (line === "") continue
      const [, name] = /^# (?:HELP|TYPE) (\S+)/.exec(line) ?? []
      if (name === undefined) {
        family.samples.push(label(line, process))
        continue
      }
      family = families.get(name) ?? { about: [], samples: [] }
      families.set(name, family)
      if (!isKnown.has(name)) family.about.push(line)
    }
  }
  return [...families.values()].flatMap(({ about, samples }) => [...about, ...samples, ""]).join("\n")
}

const label = (sample: string, process: number): string => {
  const open = sample.indexOf("{")
  const space = sample.indexOf(" ")
  return open !== -1 && open < space
    ? `${sample.slice(0, open)}{process="${process}",${sample.slice(open + 1)}`
    : `${sample.slice(0, space)}{process="${process}"}${sample.slice(space)}`
}
