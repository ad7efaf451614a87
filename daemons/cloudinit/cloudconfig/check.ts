import type { Origin } from '../plan/plan.ts'
import type { Finding, Severity } from '../plan/report.ts'
import { shown } from '../source/shown.ts'
import type { Entry, Text, Value } from './document.ts'
import { nearest } from './nearest.ts'
import { floatOf, integerOf, isNothing, truthOf } from './scalar.ts'
import { CLOUD_CONFIG, type Fields, type Schema, type TextSchema } from './schema.ts'
import { insteadOf } from './strangers.ts'

/** What moves cursors, ends lines, or ends strings; a tab is fine. */
const CONTROL = /[\0-\x08\x0a-\x1f\x7f]/

/** Compares a document with the schema: unknown keys, wrong types, values that can not be (specification f.7). */
export function checkDocument(value: Value): Finding[] {
  const checker = new Checker()
  checker.check('', value, CLOUD_CONFIG)
  return checker.findings
}

class Checker {
  readonly findings: Finding[] = []

  check(name: string, value: Value, schema: Schema): void {
    // A key without a value says nothing.
    if (isNothing(value)) return
    switch (schema.kind) {
      case 'map':
        if (value.kind !== 'map') this.#type(name, value, schema)
        else for (const entry of value.entries) this.#entry(entry, schema.fields)
        return
      case 'list':
        if (value.kind !== 'list') this.#type(name, value, schema)
        else for (const item of value.items) this.check(name, item, schema.of)
        return
      case 'text':
        if (value.kind !== 'text') this.#type(name, value, schema)
        else this.#text(name, value, schema)
        return
      case 'bool':
        if (truthOf(value) === undefined) this.#type(name, value, schema)
        return
      case 'int':
        if (integerOf(value) === undefined) this.#type(name, value, schema)
        return
      case 'float':
        if (floatOf(value) === undefined) this.#type(name, value, schema)
    }
  }

  #entry({ key, name, origin, value }: Entry, fields: Fields): void {
    const schema = Object.hasOwn(fields, key) ? fields[key] : undefined
    if (schema === undefined) {
      this.#add('warning', `unrecognized key "${shown(name)}"${hint(key, name, fields, origin.path)}`, origin)
      return
    }
    if (schema.refused !== undefined) {
      this.#add('error', `"${name}" is not supported: ${schema.refused}`, origin)
      return
    }
    if (schema.deprecated !== undefined)
      this.#add('warning', `deprecated key "${name}" (${schema.deprecated})`, origin)
    this.check(name, value, schema)
  }

  #text(name: string, { text, origin }: Text, { pattern, words, lines }: TextSchema): void {
    const line = text.replace(/\n+$/, '')
    if (words?.includes(line) === false)
      this.#add('error', `invalid value ${shown(text)}${choice(line, words)}`, origin)
    else if (pattern?.test(line) === false) this.#add('error', `invalid value ${shown(text)}`, origin)
    else if (lines !== true && CONTROL.test(line))
      this.#add('error', `"${name}" must be one line without control characters`, origin)
  }

  #type(name: string, { origin }: Value, schema: Schema): void {
    this.#add('warning', `incorrect type for "${name}" (want ${typeName(schema)})`, origin)
  }

  #add(severity: Severity, message: string, origin: Origin): void {
    this.findings.push({ severity, message, ...origin })
  }
}

/** What was probably meant by a key that there is not. */
function hint(key: string, name: string, fields: Fields, path: string): string {
  const instead = insteadOf(path)
  if (instead !== undefined) return `: it is no key of this cloud-config; ${instead}`
  const { coreos } = CLOUD_CONFIG.fields
  if (path === key && coreos?.kind === 'map' && Object.hasOwn(coreos.fields, key))
    return ': it belongs below coreos'
  if (path === `coreos.${key}` && Object.hasOwn(CLOUD_CONFIG.fields, key))
    return ': it belongs to the left, not below coreos'
  const found = nearest(key, Object.keys(fields))
  if (found === undefined) return ''
  return `: did you mean "${name.includes('-') ? found.replaceAll('_', '-') : found}"?`
}

function choice(word: string, words: readonly string[]): string {
  const found = nearest(word, words)
  if (found !== undefined) return `: did you mean "${found}"?`
  return words.length === 1 ? `: only ${words[0]} is known` : ''
}

/** As in Go, whose types the original tells. */
function typeName(schema: Schema): string {
  switch (schema.kind) {
    case 'map':
      return 'struct'
    case 'text':
      return 'string'
    case 'float':
      return 'float64'
    case 'list':
      return `[]${typeName(schema.of)}`
    default:
      return schema.kind
  }
}
