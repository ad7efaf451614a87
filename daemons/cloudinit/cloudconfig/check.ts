import type { Finding, Severity } from '../plan/report.ts'
import type { Entry, Value } from './document.ts'
import { nearest } from './nearest.ts'
import { CLOUD_CONFIG, type Schema, STRANGERS } from './schema.ts'

const TRUE = /^(y|yes|true|on)$/i
const FALSE = /^(n|no|false|off|)$/i
const INTEGER = /^[-+]?\d+$/
const FLOAT = /^[-+]?(\d+\.?\d*|\.\d+)$/

/** Compares a document with the schema: unknown keys, wrong types, values that can not be (specification f.7). */
export function checkDocument(value: Value): Finding[] {
  const checker = new Checker()
  checker.check('', value, CLOUD_CONFIG)
  return checker.findings
}

/** The truth of a text, as YAML 1.1 has it. */
export function isTrue(text: string): boolean {
  return TRUE.test(text)
}

class Checker {
  readonly findings: Finding[] = []

  check(name: string, value: Value, schema: Schema): void {
    // A key without a value says nothing.
    if (value.kind === 'text' && value.text === '' && schema.kind !== 'text') return
    switch (schema.kind) {
      case 'map':
        if (value.kind !== 'map') this.#type(name, value, 'struct')
        else for (const entry of value.entries) this.#entry(entry, schema.fields)
        return
      case 'list':
        if (value.kind !== 'list') this.#type(name, value, `[]${want(schema.of)}`)
        else for (const item of value.items) this.check(name, item, schema.of)
        return
      default:
        this.#scalar(name, value, schema)
    }
  }

  #entry({ key, name, origin, value }: Entry, fields: Readonly<Record<string, Schema>>): void {
    const schema = Object.hasOwn(fields, key) ? fields[key] : undefined
    if (schema === undefined) {
      this.#add('warning', `unrecognized key "${name}"${this.#hint(key, fields, origin.path)}`, origin)
      return
    }
    if (schema.deprecated !== undefined)
      this.#add('warning', `deprecated key "${name}" (${schema.deprecated})`, origin)
    this.check(name, value, schema)
  }

  #hint(key: string, fields: Readonly<Record<string, Schema>>, path: string): string {
    const stranger = path === key && Object.hasOwn(STRANGERS, key) ? STRANGERS[key] : undefined
    if (stranger !== undefined) return `: it is no key of this cloud-config; ${stranger}`
    const found = nearest(key, Object.keys(fields))
    return found === undefined ? '' : `: did you mean "${found.replaceAll('_', '-')}"?`
  }

  #scalar(name: string, value: Value, schema: Schema): void {
    if (value.kind !== 'text') {
      this.#type(name, value, want(schema))
      return
    }
    const { text, origin } = value
    if (schema.kind === 'bool' && !TRUE.test(text) && !FALSE.test(text)) this.#type(name, value, 'bool')
    if (schema.kind === 'int' && !INTEGER.test(text)) this.#type(name, value, 'int')
    if (schema.kind === 'float' && !FLOAT.test(text)) this.#type(name, value, 'float')
    if (schema.kind === 'text' && schema.pattern?.test(text) === false)
      this.#add('error', `invalid value ${text}`, origin)
  }

  #type(name: string, value: Value, wanted: string): void {
    this.#add('warning', `incorrect type for "${name}" (want ${wanted})`, value.origin)
  }

  #add(severity: Severity, message: string, origin: Value['origin']): void {
    this.findings.push({ severity, message, ...origin })
  }
}

function want(schema: Schema): string {
  return schema.kind === 'map'
    ? 'struct'
    : schema.kind === 'text'
      ? 'string'
      : schema.kind === 'list'
        ? '[]'
        : schema.kind
}
