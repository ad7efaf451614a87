import type { Origin } from '../plan/plan.ts'
import type { Text, Value } from './document.ts'
import { isNothing, truthOf } from './scalar.ts'

/** A map of the document, read by names. What is missing, empty, null or of another kind counts as not there. */
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
    return this.value(key) !== undefined
  }

  /** The value of a key; undefined when it says nothing. */
  value(key: string): Value | undefined {
    const value = this.#entry(key)?.value
    return value === undefined || isNothing(value) ? undefined : value
  }

  /** A text with its place; undefined when it is empty. */
  scalar(key: string): Text | undefined {
    const value = this.value(key)
    return value?.kind === 'text' ? value : undefined
  }

  /** A text; undefined when it is empty. */
  text(key: string): string | undefined {
    return this.scalar(key)?.text
  }

  /** A text of one line, without the line breaks that a block ends with; undefined when it is empty. */
  line(key: string): string | undefined {
    const text = this.text(key)?.replace(/\n+$/, '')
    return text === '' ? undefined : text
  }

  /** A truth; undefined when it is not said. */
  flag(key: string): boolean | undefined {
    const value = this.value(key)
    return value === undefined ? undefined : truthOf(value)
  }

  /** Texts of a list, those that are not empty, with their places. */
  texts(key: string): { text: string; origin: Origin }[] {
    const value = this.value(key)
    if (value?.kind !== 'list') return []
    return value.items.filter((item): item is Text => item.kind === 'text' && !isNothing(item))
  }

  /** Maps of a list. */
  maps(key: string): View[] {
    const value = this.value(key)
    if (value?.kind !== 'list') return []
    return value.items.filter(item => item.kind === 'map').map(item => new View(item))
  }

  /** A map within. */
  map(key: string): View {
    return new View(this.value(key))
  }

  #entry(key: string) {
    return this.#value?.kind === 'map' ? this.#value.entries.find(entry => entry.key === key) : undefined
  }
}
