import { UserError } from '#lib/errors.ts'

/** The characters that make a path a pattern. */
const SPECIAL = /[*?[\]{}]/

/** Whether the text is a pattern rather than a plain path. */
export function isGlob(text: string): boolean {
  return SPECIAL.test(text)
}

/**
 * Compiles a path pattern: `*` and `?` stay within one name, `**` crosses folders (`a/**\/b` also matches `a/b`),
 * `[a-z]` is a set, `{x,y}` a choice. Everything else is itself.
 *
 * @throws UserError when a bracket or brace is not closed
 */
export function compileGlob(pattern: string): RegExp {
  return new RegExp(`^(?:${expandBraces(pattern).map(globSource).join('|')})$`, 'u')
}

/** The patterns without braces that a pattern stands for: `a{b,c{d,e}}` is `ab`, `acd` and `ace`. */
export function expandBraces(pattern: string): string[] {
  const open = pattern.indexOf('{')
  if (open < 0) return [pattern]
  const choices: string[] = []
  let depth = 0
  let from = open + 1
  for (let at = open; at < pattern.length; at += 1) {
    const character = pattern[at]
    if (character === '{') depth += 1
    if (character === '}') depth -= 1
    if (depth === 0 || (depth === 1 && character === ',')) {
      choices.push(pattern.slice(from, at))
      from = at + 1
    }
    if (depth > 0) continue
    const tails = expandBraces(pattern.slice(at + 1))
    const heads = choices.flatMap(expandBraces)
    return heads.flatMap(head => tails.map(tail => pattern.slice(0, open) + head + tail))
  }
  throw new UserError(`pattern "${pattern}": "{" is not closed by "}"`)
}

function globSource(pattern: string): string {
  let source = ''
  for (let at = 0; at < pattern.length; ) {
    const piece = translate(pattern, at)
    source += piece.source
    at += piece.length
  }
  return source
}

/** One piece of a pattern as regular expression source, and how many characters of the pattern it took. */
function translate(pattern: string, at: number): { source: string; length: number } {
  if (pattern.startsWith('**/', at)) return { source: '(?:[^/]+/)*', length: 3 }
  if (pattern.startsWith('**', at)) return { source: '.*', length: 2 }
  switch (pattern[at]) {
    case '*':
      return { source: '[^/]*', length: 1 }
    case '?':
      return { source: '[^/]', length: 1 }
    case '[': {
      const end = pattern.indexOf(']', at + 1)
      if (end < 0) throw new UserError(`pattern "${pattern}": "[" is not closed by "]"`)
      const set = pattern.slice(at + 1, end).replace(/[\\[\]^]/g, '\\$&')
      return { source: `[${set.replace(/^!/, '^')}]`, length: end + 1 - at }
    }
    default:
      return { source: (pattern[at] ?? '').replace(/[\\^$.|?*+()[\]{}/]/g, '\\$&'), length: 1 }
  }
}
