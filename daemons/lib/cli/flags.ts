import { parseDuration } from './duration.ts'

/**
 * Command line flags in the syntax of Go's flag package, which the programs of this world share: `-name x`,
 * `--name x`, `-name=x` and `--name=x` mean the same; a boolean takes a value only after `=`; `--` ends the flags,
 * and so does the first word that is none.
 *
 * The texts of errors are the ones that package gives, because people search for them.
 */
export type FlagType = 'bool' | 'string' | 'int' | 'uint' | 'duration'

/** One flag: what it is called and what it takes. */
export interface FlagSpec {
  /** Its names, the one by which its value is read first: `['output', 'o']`. */
  names: readonly [string, ...string[]]
  type: FlagType
  /** One line for the help. */
  usage: string
  /** What stands for the value in the help; default `value`. */
  placeholder?: string
  /** In the syntax of the flag; default is '', 0 or false. */
  default?: string
  /** Accepted, not shown. */
  hidden?: boolean
}

/** A command line against the syntax; `message` is one line without a stop. */
export class FlagError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'FlagError'
  }
}

type Value = string | number | boolean

/** The values of flags after parsing; every getter asserts that the flag was declared with that type. */
export class Flags {
  readonly #specs: ReadonlyMap<string, FlagSpec>
  readonly #values = new Map<FlagSpec, Value>()
  readonly #given = new Set<string>()

  constructor(specs: readonly FlagSpec[]) {
    this.#specs = new Map(specs.flatMap(spec => spec.names.map(name => [name, spec] as const)))
  }

  /** Whether the flag stood on the command line, by whichever of its names. */
  given(name: string): boolean {
    return this.#spec(name).names.some(alias => this.#given.has(alias))
  }

  /** Text of a string flag. */
  text(name: string): string {
    return this.#read(name, ['string']) as string
  }

  /** Number of an int or uint flag; milliseconds of a duration. */
  number(name: string): number {
    return this.#read(name, ['int', 'uint', 'duration']) as number
  }

  /** State of a bool flag. */
  on(name: string): boolean {
    return this.#read(name, ['bool']) as boolean
  }

  /** Sets a declared flag from text, as the command line or an environment variable gives it. */
  set(name: string, text: string): void {
    const spec = this.#spec(name)
    this.#values.set(spec, parseValue(spec.type, name, text))
    this.#given.add(name)
  }

  /** The declaration behind a name, or undefined. */
  find(name: string): FlagSpec | undefined {
    return this.#specs.get(name)
  }

  /** The two names of one flag that both stood on the command line, or undefined. */
  twice(): [string, string] | undefined {
    for (const spec of this.#specs.values()) {
      const given = spec.names.filter(name => this.#given.has(name))
      if (given.length > 1) return [given[1]!, given[0]!]
    }
    return undefined
  }

  #spec(name: string): FlagSpec {
    const spec = this.#specs.get(name)
    if (spec === undefined) throw new Error(`no flag ${name} was declared`)
    return spec
  }

  #read(name: string, types: readonly FlagType[]): Value {
    const spec = this.#spec(name)
    if (!types.includes(spec.type)) throw new Error(`flag ${name} is ${spec.type}, not ${types.join(' or ')}`)
    return this.#values.get(spec) ?? parseValue(spec.type, name, spec.default ?? ZERO[spec.type])
  }
}

const ZERO: Record<FlagType, string> = { bool: 'false', string: '', int: '0', uint: '0', duration: '0' }
const TRUE = new Set(['1', 't', 'T', 'TRUE', 'true', 'True'])
const FALSE = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False'])
const INTEGER = /^[+-]?(0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0[bB][01]+|[1-9][0-9]*|0)$/

/**
 * Reads flags up to the first word that is none.
 *
 * @returns the values and the words that are left
 * @throws FlagError at the first word that breaks the syntax
 */
export function parseFlags(
  specs: readonly FlagSpec[],
  words: readonly string[],
): { flags: Flags; rest: string[] } {
  const flags = new Flags(specs)
  let at = 0
  for (; at < words.length; at++) {
    const word = words[at]!
    if (word.length < 2 || !word.startsWith('-')) break
    if (word === '--') return { flags, rest: words.slice(at + 1) }
    const body = word.slice(word.startsWith('--') ? 2 : 1)
    if (body.startsWith('-') || body.startsWith('=')) throw new FlagError(`bad flag syntax: ${word}`)
    const equals = body.indexOf('=')
    const name = equals < 0 ? body : body.slice(0, equals)
    const spec = flags.find(name)
    if (spec === undefined) throw new FlagError(`flag provided but not defined: -${name}`)
    if (equals >= 0) flags.set(name, body.slice(equals + 1))
    else if (spec.type === 'bool') flags.set(name, 'true')
    else {
      at += 1
      if (at >= words.length) throw new FlagError(`flag needs an argument: -${name}`)
      flags.set(name, words[at]!)
    }
  }
  return { flags, rest: words.slice(at) }
}

/**
 * Moves declared flags before the other words, so that they may stand after them too. A word like `-5` that is no
 * declared flag stays among the others, and so does everything after the first `--`.
 *
 * @param separator what becomes of that `--`: with `first` it is moved before the words, where it ends the flags and
 *   is gone; with `kept` it stays where it is, for a command that reads it as a separator
 */
export function flagsFirst(
  specs: readonly FlagSpec[],
  words: readonly string[],
  separator: 'first' | 'kept' = 'first',
): string[] {
  const byName = new Map(specs.flatMap(spec => spec.names.map(name => [name, spec] as const)))
  const front: string[] = []
  const rest: string[] = []
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!
    if (word === '--') {
      if (separator === 'first') rest.unshift(word)
      rest.push(...words.slice(separator === 'first' ? at + 1 : at))
      break
    }
    const spec = byName.get(/^--?([^=-][^=]*)/.exec(word)?.[1] ?? '')
    if (spec === undefined) {
      rest.push(word)
      continue
    }
    front.push(word)
    // Only a word that cannot be a flag itself is taken along as the value.
    const next = words[at + 1]
    if (spec.type !== 'bool' && !word.includes('=') && next !== undefined && next !== '--') {
      front.push(next)
      at += 1
    }
  }
  return [...front, ...rest]
}

function parseValue(type: FlagType, name: string, text: string): Value {
  switch (type) {
    case 'string':
      return text
    case 'bool':
      if (TRUE.has(text)) return true
      if (FALSE.has(text)) return false
      throw new FlagError(`invalid boolean value ${JSON.stringify(text)} for -${name}: parse error`)
    case 'duration': {
      const ms = parseDuration(text)
      if (ms === undefined) throw invalid(name, text, 'parse error')
      return ms
    }
    default:
      return parseInteger(type, name, text)
  }
}

function parseInteger(type: 'int' | 'uint', name: string, text: string): number {
  if (!INTEGER.test(text) || (type === 'uint' && /^[+-]/.test(text))) throw invalid(name, text, 'parse error')
  const digits = text.replace(/^[+-]/, '')
  const value = Number(/^0[0-7]+$/.test(digits) ? `0o${digits}` : digits)
  // The original takes 64 bits; a number that is no safe integer here would be rounded silently.
  if (!Number.isSafeInteger(value)) throw invalid(name, text, 'value out of range')
  return text.startsWith('-') ? -value : value
}

function invalid(name: string, text: string, why: string): FlagError {
  return new FlagError(`invalid value ${JSON.stringify(text)} for flag -${name}: ${why}`)
}
