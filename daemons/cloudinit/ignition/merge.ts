import type { Entry, Value } from '../cloudconfig/document.ts'

/** By what items of lists are the same; lists of others are put behind each other. */
const KEYS = ['path', 'name', 'device'] as const

/**
 * Puts a child into its parent (Ignition, "config merging"): objects key by key, lists by what their items are called, and
 * for anything else what the child says counts.
 */
export function mergeValues(parent: Value, child: Value): Value {
  if (parent.kind === 'map' && child.kind === 'map')
    return { ...child, entries: mergeEntries(parent.entries, child.entries) }
  if (parent.kind === 'list' && child.kind === 'list')
    return { ...child, items: mergeItems(parent.items, child.items) }
  return child
}

function mergeEntries(parent: readonly Entry[], child: readonly Entry[]): Entry[] {
  const others = new Map(child.map(entry => [entry.key, entry]))
  const merged = parent.map(entry => {
    const other = others.get(entry.key)
    others.delete(entry.key)
    return other === undefined ? entry : { ...other, value: mergeValues(entry.value, other.value) }
  })
  return [...merged, ...others.values()]
}

function mergeItems(parent: readonly Value[], child: readonly Value[]): Value[] {
  const named = new Map<string, Value>()
  const rest: Value[] = []
  for (const item of child) {
    const key = keyOf(item)
    if (key === undefined) rest.push(item)
    else named.set(key, item)
  }
  const merged = parent.map(item => {
    const key = keyOf(item)
    const other = key === undefined ? undefined : named.get(key)
    if (key !== undefined) named.delete(key)
    return other === undefined ? item : mergeValues(item, other)
  })
  return [...merged, ...named.values(), ...rest]
}

function keyOf(value: Value): string | undefined {
  if (value.kind !== 'map') return value.kind === 'text' ? `text ${value.text}` : undefined
  for (const key of KEYS) {
    const found = value.entries.find(entry => entry.key === key)?.value
    if (found?.kind === 'text') return `${key} ${found.text}`
  }
  return undefined
}
