import { readDocument, type Value } from '../cloudconfig/document.ts'
import { View } from '../cloudconfig/view.ts'
import type { Plan, Remote } from '../plan/plan.ts'
import type { Finding } from '../plan/report.ts'
import { checkConfig, type Language } from './check.ts'
import { readJson } from './json.ts'
import { mergeValues } from './merge.ts'
import { ResourceError, readResource } from './resource.ts'
import { BUTANE, IGNITION } from './schema.ts'
import { compileSteps } from './steps.ts'

/** The newest version that is understood; those before it with the same first number are as well. */
const NEWEST = [3, 4] as const
/** Butane's languages, each with the newest of its versions that becomes Ignition 3.4 or older. */
const VARIANTS: Readonly<Record<string, readonly [number, number]>> = {
  flatcar: [1, 1],
  fcos: [1, 5],
  orlop: [1, 0],
}
const DEPTH_MAX = 8

/** What became of a configuration. */
export interface CompiledIgnition {
  plan: Plan
  findings: Finding[]
  /** Configurations that have to be fetched before it is whole. */
  references: Remote[]
}

/**
 * Reads Ignition 3 (JSON) or Butane (YAML).
 *
 * @param fetched configurations that it refers to, by their URL, as far as they are at hand
 */
export function compileIgnition(
  text: string,
  language: Language,
  fetched: ReadonlyMap<string, Uint8Array> = new Map(),
): CompiledIgnition {
  const findings: Finding[] = []
  const references: Remote[] = []
  const value = new Resolver(fetched, findings, references).read(text, language, 0)
  const isWhole =
    value !== undefined && references.length === 0 && !findings.some(({ severity }) => severity === 'error')
  const plan = isWhole ? { steps: compileSteps(new View(value), language, findings) } : { steps: [] }
  return { plan, findings, references }
}

class Resolver {
  readonly #fetched: ReadonlyMap<string, Uint8Array>
  readonly #findings: Finding[]
  readonly #references: Remote[]

  constructor(fetched: ReadonlyMap<string, Uint8Array>, findings: Finding[], references: Remote[]) {
    this.#fetched = fetched
    this.#findings = findings
    this.#references = references
  }

  /** A configuration with all that it consists of put together; undefined when it can not be read. */
  read(text: string, language: Language, depth: number): Value | undefined {
    const { value: raw, findings } = language === 'ignition' ? readJson(text) : readDocument(text)
    this.#findings.push(...findings)
    if (raw === undefined) return undefined
    this.#findings.push(...checkConfig(raw, language === 'ignition' ? IGNITION : BUTANE, language))
    const value = snakeKeys(raw)
    const config = new View(value)
    this.#checkVersion(config, language)
    const references = config.map('ignition').map('config')
    if (references.has('replace')) return this.#other(references.map('replace'), depth)
    let whole: Value | undefined
    for (const reference of references.maps('merge')) {
      const child = this.#other(reference, depth)
      if (child !== undefined) whole = whole === undefined ? child : mergeValues(whole, child)
    }
    // The children are merged into the one that names them: what they say counts.
    return whole === undefined ? value : mergeValues(value, whole)
  }

  #other(reference: View, depth: number): Value | undefined {
    try {
      if (depth >= DEPTH_MAX)
        throw new ResourceError('configurations refer to each other too deep', reference.origin)
      const content = readResource(reference)
      const bytes = content?.kind === 'remote' ? this.#fetched.get(content.url) : content?.bytes
      if (bytes !== undefined) return this.read(Buffer.from(bytes).toString('utf8'), 'ignition', depth + 1)
      if (content?.kind === 'remote') this.#references.push(content)
    } catch (error) {
      if (!(error instanceof ResourceError)) throw error
      this.#findings.push({ severity: 'error', message: error.message, ...error.origin })
    }
    return undefined
  }

  #checkVersion(config: View, language: Language): void {
    const holder = language === 'ignition' ? config.map('ignition') : config
    const text = holder.text('version') ?? ''
    const [, major, minor, rest] = /^(\d+)\.(\d+)\.(\d+)(-.*)?$/.exec(text) ?? []
    const variant = config.text('variant') ?? ''
    const newest = language === 'ignition' ? NEWEST : VARIANTS[variant]
    const error = (message: string) =>
      this.#findings.push({ severity: 'error', message, ...holder.at('version') })
    if (newest === undefined) error(`variant '${variant}' must be one of ${Object.keys(VARIANTS).join(', ')}`)
    else if (rest === undefined) error(`version '${text}' must be like ${newest.join('.')}.0`)
    else if (Number(major) !== newest[0] || Number(minor) > newest[1])
      error(`version ${text} is not understood, only ${newest[0]}.0.0 to ${newest.join('.')}.0`)
  }
}

/** Keys as Butane has them, whichever language it was. */
function snakeKeys(value: Value): Value {
  if (value.kind === 'list') return { ...value, items: value.items.map(snakeKeys) }
  if (value.kind === 'text')
    return !value.quoted && /^(null|~)$/.test(value.text) ? { ...value, text: '' } : value
  const entries = value.entries.map(entry => ({
    ...entry,
    key: entry.key.replaceAll(/[A-Z]/g, letter => `_${letter.toLowerCase()}`),
    value: snakeKeys(entry.value),
  }))
  return { ...value, entries }
}
