import { UserError } from '#lib/errors.ts'

/**
 * Reads one JSON object strictly: each key is asked for with its check, then `end` refuses what nobody asked for.
 * Every message names the file and the key's full name (`erofs.level`) and says what it must be.
 */
export class StrictObject {
  readonly #values: Map<string, unknown>
  readonly #known = new Set<string>()
  readonly #file: string
  readonly #prefix: string

  constructor(value: unknown, file: string, prefix = '') {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new UserError(`${file}: ${prefix === '' ? 'the top level' : prefix} must be an object`)
    this.#values = new Map(Object.entries(value))
    this.#file = file
    this.#prefix = prefix === '' ? '' : `${prefix}.`
  }

  /** The text under the key. With a pattern, the text must match it; `must` says so in words. */
  text(key: string, pattern = /^/, must = 'a text'): string {
    const value = this.#take(key)
    if (typeof value !== 'string' || !pattern.test(value)) throw this.#wrong(key, must)
    return value
  }

  /** The integer under the key, from `min` to `max`. */
  integer(key: string, min: number, max: number): number {
    const value = this.#take(key)
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max)
      throw this.#wrong(key, `an integer from ${min} to ${max}`)
    return value
  }

  /** The truth value under the key, false when it is missing. */
  flag(key: string): boolean {
    const value = this.#take(key) ?? false
    if (typeof value !== 'boolean') throw this.#wrong(key, 'true or false')
    return value
  }

  /** The list of texts under the key; when it may be missing, an empty list. */
  texts(key: string, options: { optional?: boolean } = {}): string[] {
    const value = this.#take(key)
    if (value === undefined && options.optional) return []
    if (!Array.isArray(value) || !value.every(item => typeof item === 'string'))
      throw this.#wrong(key, 'a list of texts')
    return value
  }

  /** The list of objects under the key, empty when it is missing. */
  objects(key: string): StrictObject[] {
    const value = this.#take(key) ?? []
    if (!Array.isArray(value)) throw this.#wrong(key, 'a list')
    return value.map((item, index) => new StrictObject(item, this.#file, `${this.#prefix}${key}[${index}]`))
  }

  object(key: string): StrictObject {
    return new StrictObject(this.#take(key), this.#file, `${this.#prefix}${key}`)
  }

  /** A size such as `512 MiB`, in bytes. */
  size(key: string): number {
    const value = this.#take(key)
    const match = typeof value === 'string' ? /^(\d{1,6}) (KiB|MiB|GiB)$/.exec(value) : null
    if (!match) throw this.#wrong(key, 'a size such as "512 MiB" (KiB, MiB or GiB)')
    return Number(match[1]) * 1024 ** (['KiB', 'MiB', 'GiB'].indexOf(match[2]!) + 1)
  }

  /** All keys with integer values, for tables. */
  integers(): Map<string, number> {
    return new Map([...this.#values.keys()].map(key => [key, this.integer(key, 0, 65534)]))
  }

  has(key: string): boolean {
    return this.#values.has(key)
  }

  /** @throws UserError when a key is there that nobody asked for */
  end(): void {
    for (const key of this.#values.keys()) {
      if (this.#known.has(key)) continue
      const nearest = nearestOf(key, [...this.#known])
      throw new UserError(
        `${this.#file}: unknown key "${this.#prefix}${key}"`,
        nearest ? `did you mean "${this.#prefix}${nearest}"?` : `known are: ${[...this.#known].join(', ')}`,
      )
    }
  }

  #take(key: string): unknown {
    this.#known.add(key)
    return this.#values.get(key)
  }

  #wrong(key: string, must: string): UserError {
    const what = this.#values.has(key) ? `must be ${must}` : `is missing; it must be ${must}`
    return new UserError(`${this.#file}: "${this.#prefix}${key}" ${what}`)
  }
}

/** Parses JSON text into a strict object. */
export function parseStrict(text: string, file: string): StrictObject {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new UserError(`${file} is not valid JSON: ${error instanceof Error ? error.message : error}`)
  }
  return new StrictObject(value, file)
}

/** The known word that the user most likely meant, or undefined when none is near. */
export function nearestOf(word: string, known: string[]): string | undefined {
  const ranked = known
    .map(candidate => ({ candidate, distance: editDistance(word.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)
  const best = ranked[0]
  return best && best.distance <= Math.max(1, Math.floor(word.length / 3)) ? best.candidate : undefined
}

/** Levenshtein's distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1)
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    row = next
  }
  return row[b.length]!
}
