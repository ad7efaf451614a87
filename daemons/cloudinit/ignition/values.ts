import type { Entry, Value } from '../cloudconfig/document.ts'
import { View } from '../cloudconfig/view.ts'
import type { Origin } from '../plan/plan.ts'

/** A view that can give back the values it looks at, to build other documents of them. */
export class Part extends View {
  readonly #value: Value | undefined

  constructor(value: Value | undefined) {
    super(value)
    this.#value = value
  }

  /** The value itself; an empty map where there is none. */
  get whole(): Value {
    return this.#value ?? { kind: 'map', entries: [], origin: this.origin }
  }

  /** The value of a key. */
  find(key: string): Value | undefined {
    const value = this.#value
    return value?.kind === 'map' ? value.entries.find(entry => entry.key === key)?.value : undefined
  }

  override map(key: string): Part {
    return new Part(this.find(key))
  }

  override maps(key: string): Part[] {
    const value = this.find(key)
    return value?.kind === 'list'
      ? value.items.filter(item => item.kind === 'map').map(item => new Part(item))
      : []
  }

  /** A list with each map in it changed, and what is none kept; what is changed to nothing is left out. */
  each(key: string, change: (one: Part) => Value | undefined): Value | undefined {
    const list = this.find(key)
    if (list?.kind !== 'list') return undefined
    const items = list.items.flatMap(item => (item.kind === 'map' ? (change(new Part(item)) ?? []) : [item]))
    return { ...list, items }
  }

  /** What is there of some keys. */
  pick(keys: readonly string[]): Record<string, Value | undefined> {
    return Object.fromEntries(keys.map(key => [key, this.find(key)]))
  }
}

/** A text that stands for what is at a place. */
export function textAt(text: string, origin: Origin): Value {
  return { kind: 'text', text, quoted: true, origin }
}

/** A truth that stands for what is at a place. */
export function flagAt(flag: boolean, origin: Origin): Value {
  return { kind: 'text', text: String(flag), quoted: false, origin }
}

/** The resource of some bytes. */
export function resourceAt(bytes: Uint8Array, origin: Origin): Value {
  const source = `data:;base64,${Buffer.from(bytes).toString('base64')}`
  return mapAt({ source: textAt(source, origin) }, origin)
}

/** A map of those of `values` that are there. */
export function mapAt(values: Readonly<Record<string, Value | undefined>>, origin: Origin): Value {
  return withKeys({ kind: 'map', entries: [], origin }, values)
}

/** A map with some keys set. */
export function withKeys(value: Value, values: Readonly<Record<string, Value | undefined>>): Value {
  if (value.kind !== 'map') return value
  const entries = new Map<string, Entry>(value.entries.map(entry => [entry.key, entry]))
  for (const [key, one] of Object.entries(values))
    if (one !== undefined) entries.set(key, { key, name: key, origin: one.origin, value: one })
  return { ...value, entries: [...entries.values()] }
}

/** A map without some keys. */
export function withoutKeys(value: Value, keys: readonly string[]): Value {
  if (value.kind !== 'map') return value
  return { ...value, entries: value.entries.filter(({ key }) => !keys.includes(key)) }
}
