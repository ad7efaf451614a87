import type { Origin } from '../plan/plan.ts'
import { isTrue } from './check.ts'
import type { Value } from './document.ts'

/** A map of the document, read by names. What is missing, empty or of another kind counts as not there. */
export class View {
  readonly #value: Value | undefined

  constructor(value: Value | undefined) {
    this.#value = value
  }

  /** Where it stands. */
  get origin(): Origin {
    return this.#value?.origin ?? { path: '', line: 0, column: 0 }
  }

  /** Where a key stands, else where the map does. */
  at(key: string): Origin {
    return this.#entry(key)?.origin ?? this.origin
  }

  /** Whether it has the key, with anything in it. */
  has(key: string): boolean {
    const value = this.#entry(key)?.value
    return value !== undefined && (value.kind !== 'text' || value.text !== '')
  }

  /** A text; undefined when it is empty. */
  text(key: string): string | undefined {
    const value = this.#entry(key)?.value
    return value?.kind === 'text' && value.text !== '' ? value.text : undefined
  }

  /** A truth; undefined when it is not said. */
  flag(key: string): boolean | undefined {
    const text = this.text(key)
    return text === undefined ? undefined : isTrue(text)
  }

  /** Texts of a list, those that are not empty, with their places. */
  texts(key: string): { text: string; origin: Origin }[] {
    const value = this.#entry(key)?.value
    if (value?.kind !== 'list') return []
    return value.items
      .filter(item => item.kind === 'text' && item.text !== '')
      .map(item => item as { text: string; origin: Origin })
  }

  /** Maps of a list. */
  maps(key: string): View[] {
    const value = this.#entry(key)?.value
    return value?.kind === 'list'
      ? value.items.filter(item => item.kind === 'map').map(item => new View(item))
      : []
  }

  /** A map within. */
  map(key: string): View {
    return new View(this.#entry(key)?.value)
  }

  /** All that has a text, in the order of `keys`. */
  settings(keys: readonly string[]): { key: string; text: string }[] {
    return keys.flatMap(key => {
      const text = this.text(key)
      return text === undefined ? [] : [{ key, text }]
    })
  }

  #entry(key: string) {
    return this.#value?.kind === 'map' ? this.#value.entries.find(entry => entry.key === key) : undefined
  }
}
