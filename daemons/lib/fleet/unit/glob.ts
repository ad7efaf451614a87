/**
 * A pattern of unit names as Go's path.Match has them: `*` and `?` stop at a slash, `[a-z]`, `[^a-z]`, and a
 * backslash takes the meaning from the next character.
 */
export interface Glob {
  /** As it was written. */
  readonly text: string
  matches(name: string): boolean
}

/** Compiles a pattern; one with broken syntax matches nothing, as in the original. */
export function compileGlob(text: string): Glob {
  if (!/[*?[\\]/.test(text)) return { text, matches: name => name === text }
  const source = translate(text)
  if (source === undefined) return { text, matches: () => false }
  const pattern = new RegExp(`^${source}$`, 'su')
  return { text, matches: name => pattern.test(name) }
}

/** The regular expression, or undefined for a broken pattern. */
function translate(text: string): string | undefined {
  const chars = [...text]
  let source = ''
  for (let at = 0; at < chars.length; at++) {
    const char = chars[at]!
    if (char === '*') source += '[^/]*'
    else if (char === '?') source += '[^/]'
    else if (char === '[') {
      const set = translateSet(chars, at)
      if (set === undefined) return undefined
      source += set.source
      at = set.end
    } else if (char === '\\') {
      at++
      if (chars[at] === undefined) return undefined
      source += escaped(chars[at]!)
    } else source += escaped(char)
  }
  return source
}

/** A set from its `[` on, and where its `]` is. */
function translateSet(chars: readonly string[], start: number): { source: string; end: number } | undefined {
  let at = start + 1
  const isNegated = chars[at] === '^'
  if (isNegated) at++
  let source = ''
  for (let first = true; first || chars[at] !== ']'; first = false) {
    const low = charAt(chars, at)
    if (low === undefined) return undefined
    at = low.next
    let high = low.char
    if (chars[at] === '-') {
      const end = charAt(chars, at + 1)
      if (end === undefined) return undefined
      high = end.char
      at = end.next
    }
    if (low.char > high) continue // An empty range matches nothing.
    source += `${escapedInSet(low.char)}-${escapedInSet(high)}`
  }
  return { source: isNegated ? `[^${source}]` : source === '' ? '[]' : `[${source}]`, end: at }
}

function charAt(chars: readonly string[], at: number): { char: string; next: number } | undefined {
  const char = chars[at]
  if (char === undefined || char === '-' || char === ']') return undefined
  if (char !== '\\') return { char, next: at + 1 }
  const next = chars[at + 1]
  return next === undefined ? undefined : { char: next, next: at + 2 }
}

function escaped(char: string): string {
  return /[\\^$.*+?()[\]{}|/]/.test(char) ? `\\${char}` : char
}

/** There a hyphen has a meaning; elsewhere an escaped one is an error. */
function escapedInSet(char: string): string {
  return char === '-' ? '\\-' : escaped(char)
}
