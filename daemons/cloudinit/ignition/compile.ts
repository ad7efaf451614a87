import { embedLocals, type Locals } from '../butane/local.ts'
import { type Entry, readDocument, type Value } from '../cloudconfig/document.ts'
import { View } from '../cloudconfig/view.ts'
import type { Content, Plan, Remote } from '../plan/plan.ts'
import type { Finding } from '../plan/report.ts'
import { checkConfig, type Language } from './check.ts'
import { readJson } from './json.ts'
import { mergeValues } from './merge.ts'
import { ResourceError, readResource } from './resource.ts'
import { checkRules } from './rules.ts'
import { BUTANE, IGNITION } from './schema.ts'
import { compileSteps } from './steps.ts'
import { translateVersion2 } from './v2.ts'
import { IGNITION_2 } from './v2-schema.ts'

/** The newest version that is understood; those before it with the same first number are as well. */
const NEWEST = [3, 4] as const
/** The newest of the older language, which is translated. */
const OLD = [2, 4] as const
/** Butane's languages, each with the newest of its versions that becomes Ignition 3.4 or older. */
const VARIANTS: Readonly<Record<string, readonly [number, number]>> = {
  flatcar: [1, 1],
  fcos: [1, 5],
  orlop: [1, 0],
}
const DEPTH_MAX = 8
const URL_SHOWN_MAX = 100

/** What became of a configuration. */
export interface CompiledIgnition {
  plan: Plan
  findings: Finding[]
  /** Configurations that have to be fetched before it is whole. */
  references: Remote[]
}

/**
 * Reads Ignition 3, Ignition 2 (JSON) or Butane (YAML).
 *
 * @param fetched configurations that it refers to, by their URL, as far as they are at hand
 * @param locals files beside a Butane configuration; without, it is an error to name any
 */
export function compileIgnition(
  text: string,
  language: Language,
  fetched: ReadonlyMap<string, Uint8Array> = new Map(),
  locals?: Locals,
): CompiledIgnition {
  const resolver = new Resolver(fetched, locals)
  const value = resolver.read(text, language, 0)
  const { findings, references } = resolver
  const isWhole = value !== undefined && references.length === 0 && !hasErrors(findings)
  if (!isWhole) return { plan: { steps: [] }, findings, references }
  const known = new Set(findings.map(({ message }) => message))
  const config = new View(value)
  const last = checkRules(config, language)
  const steps = compileSteps(config, language, last)
  // What is wrong with a document alone was told of it already.
  findings.push(...last.filter(({ message }) => !known.has(message)))
  return { plan: { steps: hasErrors(findings) ? [] : steps }, findings, references }
}

class Resolver {
  readonly findings: Finding[] = []
  /** What has to be fetched first. */
  readonly references: Remote[] = []
  readonly #fetched: ReadonlyMap<string, Uint8Array>

  readonly #locals: Locals | undefined

  constructor(fetched: ReadonlyMap<string, Uint8Array>, locals: Locals | undefined) {
    this.#fetched = fetched
    this.#locals = locals
  }

  /** A configuration with all that it consists of put together; undefined when it can not be read. */
  read(text: string, language: Language, depth: number): Value | undefined {
    const { value: written, findings } = language === 'ignition' ? readJson(text) : readDocument(text)
    this.findings.push(...findings)
    if (written === undefined) return undefined
    const raw = language === 'butane' ? this.#embedded(written) : written
    const isOld = language === 'ignition' && majorOf(raw) === OLD[0]
    const schema = language === 'butane' ? BUTANE : isOld ? IGNITION_2 : IGNITION
    const wrong = checkConfig(raw, schema, language)
    this.findings.push(...wrong)
    this.#checkVersion(new View(snakeKeys(raw)), language)
    // What has other types than it should is not looked at any closer.
    if (hasErrors(wrong)) return undefined
    const value = isOld ? this.#translated(snakeKeys(raw)) : snakeKeys(raw)
    const config = new View(value)
    this.findings.push(...checkRules(config, language))
    // Each document has to be right by itself, before others are put into it.
    compileSteps(config, language, this.findings)
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

  #embedded(written: Value): Value {
    if (this.#locals === undefined) return written
    const { value, findings } = embedLocals(written, this.#locals)
    this.findings.push(...findings)
    return value
  }

  #translated(old: Value): Value {
    const { value, findings } = translateVersion2(old)
    this.findings.push(...findings)
    return value
  }

  #other(reference: View, depth: number): Value | undefined {
    try {
      if (depth >= DEPTH_MAX)
        throw new ResourceError('configurations refer to each other too deep', reference.origin)
      const content = readResource(reference)
      const bytes = content?.kind === 'remote' ? this.#fetched.get(content.url) : content?.bytes
      if (content !== undefined && bytes !== undefined) return this.#child(bytes, content, reference, depth)
      if (content?.kind === 'remote') this.references.push(content)
    } catch (error) {
      if (!(error instanceof ResourceError)) throw error
      this.findings.push({ severity: 'error', message: error.message, ...error.origin })
    }
    return undefined
  }

  /** Another configuration. It is told with its own lines, at the place that names it. */
  #child(bytes: Uint8Array, content: Content, reference: View, depth: number): Value | undefined {
    const name = content.kind === 'remote' ? shownUrl(content.url) : 'the configuration in it'
    const told = this.findings.length
    const value = this.read(Buffer.from(bytes).toString('utf8'), 'ignition', depth + 1)
    const own = this.findings.splice(told)
    for (const { severity, message, line, column } of own) {
      const at = line === 0 ? '' : `, line ${line}:${column}`
      this.findings.push({ severity, message: `${name}${at}: ${message}`, ...reference.at('source') })
    }
    return value === undefined ? undefined : relocate(value, name)
  }

  #checkVersion(config: View, language: Language): void {
    const holder = language === 'ignition' ? config.map('ignition') : config
    const text = holder.text('version') ?? ''
    const [, major, minor, rest] = /^(\d+)\.(\d+)\.(\d+)(-.*)?$/.exec(text) ?? []
    const variant = config.text('variant') ?? ''
    const own = Object.hasOwn(VARIANTS, variant) ? VARIANTS[variant] : undefined
    const newest = language === 'butane' ? own : Number(major) === OLD[0] ? OLD : NEWEST
    const error = (message: string) =>
      this.findings.push({ severity: 'error', message, ...holder.at('version') })
    if (newest === undefined) error(`variant '${variant}' must be one of ${Object.keys(VARIANTS).join(', ')}`)
    else if (rest === undefined) error(`version '${text}' must be like ${newest.join('.')}.0`)
    else if (Number(major) !== newest[0] || Number(minor) > newest[1])
      error(`version ${text} is not understood, only ${newest[0]}.0.0 to ${newest.join('.')}.0`)
  }
}

function hasErrors(findings: readonly Finding[]): boolean {
  return findings.some(({ severity }) => severity === 'error')
}

/** The first number of the version of a document. */
function majorOf(raw: Value): number {
  return Number.parseInt(new View(raw).map('ignition').text('version') ?? '', 10)
}

/** A URL for messages: one line, without the password that may be in it. */
function shownUrl(url: string): string {
  const text = url.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, '$1').replaceAll(/[^\x20-\x7e]/g, '?')
  return text.length > URL_SHOWN_MAX ? `${text.slice(0, URL_SHOWN_MAX)}…` : text
}

/** The same, its places told as those of another document. */
function relocate(value: Value, name: string): Value {
  const origin = { ...value.origin, path: `${value.origin.path} of ${name}` }
  if (value.kind === 'text') return { ...value, origin }
  if (value.kind === 'list') return { ...value, items: value.items.map(item => relocate(item, name)), origin }
  const entries = value.entries.map(entry => ({
    ...entry,
    origin: { ...entry.origin, path: `${entry.origin.path} of ${name}` },
    value: relocate(entry.value, name),
  }))
  return { ...value, entries, origin }
}

/** Keys as Butane has them, whichever language it was. */
function snakeKeys(value: Value): Value {
  if (value.kind === 'list') return { ...value, items: value.items.map(snakeKeys) }
  if (value.kind === 'text')
    return !value.quoted && /^(null|~)$/.test(value.text) ? { ...value, text: '' } : value
  const entries = value.entries.map((entry): Entry => {
    const key = entry.key.replaceAll(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
    const inner = entry.value
    // An empty source is one of no bytes; no source at all is another thing.
    if ((key === 'source' || key === 'inline') && inner.kind === 'text' && inner.quoted && inner.text === '')
      return { ...entry, key: 'source', value: { ...inner, text: 'data:,' } }
    return { ...entry, key, value: snakeKeys(inner) }
  })
  return { ...value, entries }
}
