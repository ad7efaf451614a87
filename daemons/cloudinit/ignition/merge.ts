import type { Entry, Value } from '../cloudconfig/document.ts'

/** By what items of lists are the same. */
const KEYS = ['path', 'name', 'device'] as const
/** Lists whose items are all different: those of the child come behind those of its parent. */
const APPENDED = new Set(['append', 'options', 'mount_options'])
/** Lists of one tree of paths: a file may take the place of a directory or a link. */
const PATH_LISTS = ['files', 'directories', 'links']

/**
 * Puts a child into its parent (Ignition, "config merging"): objects key by key, lists by what their items are called, and
 * for anything else what the child says counts. A header that the child gives no value is taken away.
 */
export function mergeValues(parent: Value, child: Value): Value {
  return merge(parent, child, '')
}

function merge(parent: Value, child: Value, key: string): Value {
  if (parent.kind === 'map' && child.kind === 'map') {
    const before = key === 'storage' ? withoutReplaced(parent.entries, child.entries) : parent.entries
    return { ...child, entries: mergeEntries(before, child.entries) }
  }
  if (parent.kind === 'list' && child.kind === 'list') {
    if (APPENDED.has(key)) return { ...child, items: [...parent.items, ...child.items] }
    return { ...child, items: mergeItems(parent.items, child.items, key) }
  }
  return saysNothing(child) ? parent : child
}

/** A key without a value, as `null`, leaves what the parent says. */
function saysNothing(value: Value): boolean {
  return value.kind === 'text' && !value.quoted && value.text === ''
}

function mergeEntries(parent: readonly Entry[], child: readonly Entry[]): Entry[] {
  const others = new Map(child.map(entry => [entry.key, entry]))
  const merged = parent.map(entry => {
    const other = others.get(entry.key)
    others.delete(entry.key)
    return other === undefined ? entry : { ...other, value: merge(entry.value, other.value, entry.key) }
  })
  return [...merged, ...others.values()]
}

function mergeItems(parent: readonly Value[], child: readonly Value[], list: string): Value[] {
  const named = new Map<string, Value>()
  const rest: Value[] = []
  for (const item of child) {
    const key = keyOf(item)
    if (key === undefined) rest.push(item)
    else named.set(key, item)
  }
  const merged = parent.flatMap(item => {
    const key = keyOf(item)
    const other = key === undefined ? undefined : named.get(key)
    if (key !== undefined) named.delete(key)
    if (other === undefined) return [item]
    return list === 'http_headers' && textOf(other, 'value') === undefined ? [] : [merge(item, other, '')]
  })
  return [...merged, ...named.values(), ...rest]
}

/** The parent's storage without what the child has at the same path in another of the lists of paths. */
function withoutReplaced(parent: readonly Entry[], child: readonly Entry[]): Entry[] {
  return parent.map(entry => {
    if (!PATH_LISTS.includes(entry.key) || entry.value.kind !== 'list') return entry
    const others = child.filter(({ key }) => key !== entry.key && PATH_LISTS.includes(key))
    const paths = new Set(
      others.flatMap(({ value }) =>
        value.kind === 'list' ? value.items.map(item => textOf(item, 'path')) : [],
      ),
    )
    const items = entry.value.items.filter(item => !paths.has(textOf(item, 'path')))
    return { ...entry, value: { ...entry.value, items } }
  })
}

function keyOf(value: Value): string | undefined {
  if (value.kind !== 'map') return value.kind === 'text' ? `text ${value.text}` : undefined
  for (const key of KEYS) {
    const text = textOf(value, key)
    if (text !== undefined) return `${key} ${text}`
  }
  return undefined
}

function textOf(value: Value, key: string): string | undefined {
  const found = value.kind === 'map' ? value.entries.find(entry => entry.key === key)?.value : undefined
  return found?.kind === 'text' && (found.quoted || found.text !== '') ? found.text : undefined
}
