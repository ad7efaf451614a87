/** Where the cluster keeps its own data: members, version. */
export const CLUSTER_PREFIX = '/0'
/** Where the keys of users are; never shown to them. */
export const KEYS_PREFIX = '/1'
/** Where users and roles are. */
export const AUTH_PREFIX = '/2'

/**
 * A path with one leading slash, no trailing one, no empty element, no `.` and no `..`. What leads above the root
 * stays at the root, so that no key leaves its prefix.
 */
export function cleanPath(path: string): string {
  return isClean(path) ? path : rebuild(path)
}

/** Two native searches instead of a loop: nearly every path that comes in is clean. */
function isClean(path: string): boolean {
  if (path === '/') return true
  return (
    path.charCodeAt(0) === 0x2f &&
    path.charCodeAt(path.length - 1) !== 0x2f &&
    !path.includes('//') &&
    !path.includes('/.')
  )
}

function rebuild(path: string): string {
  const kept: string[] = []
  for (const name of path.split('/')) {
    if (name === '' || name === '.') continue
    if (name === '..') kept.pop()
    else kept.push(name)
  }
  return `/${kept.join('/')}`
}

/** The store's path of a user's key; the key as it came, percent-decoded. */
export function keyPath(key: string): string {
  const path = cleanPath(key)
  return path === '/' ? KEYS_PREFIX : KEYS_PREFIX + path
}

/** A path of the store as its user knows it: without the prefix. The user's root becomes empty. */
export function strip(path: string): string {
  if (path.charCodeAt(1) !== 0x31 || path.charCodeAt(0) !== 0x2f) return path
  return path.length === 2 || path.charCodeAt(2) === 0x2f ? path.slice(2) : path
}

/** Whether a name is left out of listings and of what recursive watchers above it see. */
export function isHiddenName(name: string): boolean {
  return name.charCodeAt(0) === 0x5f
}

/**
 * Order of texts by their UTF-8 bytes, as the original sorts keys. It differs from the order of JavaScript only where
 * halves of pairs (U+D800 to U+DFFF, for what is above U+FFFF) meet U+E000 to U+FFFF.
 */
export function compareBytes(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at++) {
    const left = a.charCodeAt(at)
    const right = b.charCodeAt(at)
    if (left !== right) return rank(left) - rank(right)
  }
  return a.length - b.length
}

function rank(code: number): number {
  if (code < 0xd800) return code
  return code >= 0xe000 ? code - 0x800 : code + 0x2000
}
