import type { Entry, Value } from '../cloudconfig/document.ts'
import { nearest } from '../cloudconfig/nearest.ts'
import type { Finding, Severity } from '../plan/report.ts'
import { camelName, type Schema } from './schema.ts'

const INTEGER = /^-?\d+$/
const OCTAL = /^0[0-7]{1,5}$/
const KINDS = {
  string: 'a text',
  bool: 'true or false',
  int: 'a number',
  mode: 'a number',
  list: 'a list',
  map: 'an object',
}

/** In which language a document is: names and modes differ. */
export type Language = 'ignition' | 'butane'

/** Compares a document with the schema: types are errors, unknown keys warnings, and what is not carried out is refused. */
export function checkConfig(value: Value, schema: Schema, language: Language): Finding[] {
  const checker = new Checker(language)
  checker.check(value, schema)
  return checker.findings
}

/** The bits of a mode: decimal in Ignition, octal with a zero before it in Butane. */
export function modeOf(text: string, language: Language): number | undefined {
  const isOctal = language === 'butane' && OCTAL.test(text)
  const isDecimal = INTEGER.test(text) && !/^0\d/.test(text)
  const mode = isOctal ? Number.parseInt(text, 8) : isDecimal ? Number(text) : Number.NaN
  return mode >= 0 && mode <= 0o7777 ? mode : undefined
}

class Checker {
  readonly findings: Finding[] = []
  readonly #language: Language

  constructor(language: Language) {
    this.#language = language
  }

  check(value: Value, schema: Schema): void {
    if (schema.kind === 'refused') {
      this.#add('error', `not supported: ${value.origin.path}; ${schema.instead}`, value)
      return
    }
    // null says nothing, as in Ignition.
    if (value.kind === 'text' && !value.quoted && /^(null|~|)$/.test(value.text)) return
    if (schema.kind === 'map' && value.kind === 'map') {
      for (const entry of value.entries) this.#entry(entry, schema.fields)
    } else if (schema.kind === 'list' && value.kind === 'list') {
      for (const item of value.items) this.check(item, schema.of)
    } else {
      const isScalar = schema.kind !== 'map' && schema.kind !== 'list' && value.kind === 'text'
      if (!isScalar || !this.#fits(value, schema.kind)) this.#type(value, schema)
    }
  }

  #fits(
    { text, quoted }: { text: string; quoted: boolean },
    kind: 'string' | 'bool' | 'int' | 'mode',
  ): boolean {
    if (kind === 'string') return quoted || this.#language === 'butane'
    if (quoted) return false
    if (kind === 'bool') return text === 'true' || text === 'false'
    return kind === 'int' ? INTEGER.test(text) : modeOf(text, this.#language) !== undefined
  }

  #entry({ key, name, value, origin }: Entry, fields: Readonly<Record<string, Schema>>): void {
    const found = Object.keys(fields).find(field =>
      this.#language === 'ignition' ? camelName(field) === name : field === key,
    )
    if (found !== undefined) {
      this.check(value, fields[found]!)
      return
    }
    const names = this.#language === 'ignition' ? Object.keys(fields).map(camelName) : Object.keys(fields)
    const meant = nearest(name, names)
    const hint = meant === undefined ? '' : `: did you mean "${meant}"?`
    this.findings.push({ severity: 'warning', message: `unused key ${name}${hint}`, ...origin })
  }

  #type(value: Value, schema: Schema): void {
    const wanted = KINDS[schema.kind as keyof typeof KINDS]
    this.#add('error', `${value.origin.path || 'the whole'} must be ${wanted}`, value)
  }

  #add(severity: Severity, message: string, { origin }: Value): void {
    this.findings.push({ severity, message, ...origin })
  }
}
