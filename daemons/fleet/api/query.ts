import { ApiRefusal } from './answer.ts'

/** Parameters of a query; those that are not valid percent-encoding are dropped, as the original's parser does. */
export class Query {
  readonly #values = new Map<string, string[]>()

  constructor(query: string) {
    for (const pair of query.split('&')) {
      const equals = pair.indexOf('=')
      const key = decoded(equals < 0 ? pair : pair.slice(0, equals))
      const value = decoded(equals < 0 ? '' : pair.slice(equals + 1))
      if (key === undefined || value === undefined || pair === '') continue
      this.#values.set(key, [...(this.#values.get(key) ?? []), value])
    }
  }

  all(key: string): readonly string[] {
    return this.#values.get(key) ?? []
  }

  /** The first value, `''` when there is none. */
  first(key: string): string {
    return this.all(key)[0] ?? ''
  }

  /** A whole number within bounds, or what stands for none. */
  number(key: string, otherwise: number, max: number): number {
    const text = this.first(key)
    if (text === '') return otherwise
    const value = Number(text)
    if (!/^\d+$/.test(text) || value > max)
      throw new ApiRefusal(400, `invalid ${key} ${JSON.stringify(text)}: a whole number from 0 to ${max}`)
    return value
  }

  flag(key: string): boolean {
    return ['true', '1'].includes(this.first(key))
  }
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}
