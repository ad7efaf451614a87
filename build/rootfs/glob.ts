import { UserError } from '#lib/errors.ts'

/** The characters that make a path a pattern. */
const SPECIAL = /[*?[\]{}]/

/** Whether the text is a pattern rather than a plain path. */
export function isGlob(text: string): boolean {
  return SPECIAL.test(text)
}

/**
 * Compiles a path pattern: `*` and `?` stay within one name, `**` crosses folders (`a/**\/b` also matches `a/b`),
 * `[a-z]` is a set, `{x,y}` a choice (not nested). Everything else is itself.
 *
 * @throws UserError when a bracket or brace is not closed
 */
export function compileGlob(pattern: string): RegExp {
  let source = ''
  for (let at = 0; at < pattern.length; ) {
    const piece = translate(pattern, at)
    source += piece.source
    at += piece.length
  }
  return new RegExp(`^${source}$`, 'u')
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
      const end = closing(pattern, at, ']')
      const set = pattern.slice(at + 1, end).replace(/[\\[\]^]/g, '\\$&')
      return { source: `[${set.replace(/^!/, '^')}]`, length: end + 1 - at }
    }
    case '{': {
      const end = closing(pattern, at, '}')
      const choices = pattern.slice(at + 1, end).split(',')
      return { source: `(?:${choices.map(choiceSource).join('|')})`, length: end + 1 - at }
    }
    default:
      return { source: (pattern[at] ?? '').replace(/[\\^$.|?*+()[\]{}/]/g, '\\$&'), length: 1 }
  }
}

function choiceSource(choice: string): string {
  return compileGlob(choice).source.slice(1, -1)
}

function closing(pattern: string, at: number, bracket: string): number {
  const end = pattern.indexOf(bracket, at + 1)
  if (end < 0) throw new UserError(`pattern "${pattern}": "${pattern[at]}" is not closed by "${bracket}"`)
  return end
}
