import { stripTypeScriptTypes } from 'node:module'

const REGEX_MAY_FOLLOW = /(^|=>|[=(,:;!&|?{}[+\-*%<>~^]|\b(return|typeof|case|in|of|await|yield|throw))\s*$/

/**
 * The program alone: types, comments and the insides of strings and regular expressions are blanks, every other
 * character and every line stays where it was. What is between `${` and `}` of a template counts as inside.
 *
 * @throws SyntaxError when it is no TypeScript that Node can strip
 */
export function programOf(text: string): string {
  const code = stripTypeScriptTypes(text)
  let out = ''
  let at = 0
  while (at < code.length) {
    const end = endOfQuiet(code, at, out)
    if (end === at) {
      out += code[at]
      at += 1
    } else {
      out += code.slice(at, end).replaceAll(/[^\n]/g, ' ')
      at = end
    }
  }
  return out
}

/** Where the comment, string or regular expression that begins here ends; `at` itself when none begins. */
function endOfQuiet(code: string, at: number, before: string): number {
  const char = code[at]!
  if (code.startsWith('//', at)) return indexOr(code, '\n', at, code.length)
  if (code.startsWith('/*', at)) return indexOr(code, '*/', at + 2, code.length - 2) + 2
  if (char === "'" || char === '"') return endOfString(code, at)
  if (char === '`') return endOfTemplate(code, at)
  if (char === '/' && REGEX_MAY_FOLLOW.test(before.slice(-40).replaceAll(/[ \t]+$/g, ' ')))
    return endOfRegex(code, at)
  return at
}

function indexOr(code: string, what: string, from: number, otherwise: number): number {
  const index = code.indexOf(what, from)
  return index < 0 ? otherwise : index
}

function endOfString(code: string, start: number): number {
  for (let at = start + 1; at < code.length; at++) {
    if (code[at] === '\\') at += 1
    else if (code[at] === code[start] || code[at] === '\n') return at + 1
  }
  return code.length
}

function endOfTemplate(code: string, start: number): number {
  for (let at = start + 1; at < code.length; at++) {
    if (code[at] === '\\') at += 1
    else if (code[at] === '`') return at + 1
    else if (code.startsWith('${', at)) at = endOfHole(code, at + 2)
  }
  return code.length
}

/** The `}` that closes a template's `${`. */
function endOfHole(code: string, start: number): number {
  let depth = 1
  for (let at = start; at < code.length; at++) {
    const char = code[at]
    if (char === "'" || char === '"') at = endOfString(code, at) - 1
    else if (char === '`') at = endOfTemplate(code, at) - 1
    else if (char === '{') depth += 1
    else if (char === '}') depth -= 1
    if (depth === 0) return at
  }
  return code.length
}

function endOfRegex(code: string, start: number): number {
  let inClass = false
  for (let at = start + 1; at < code.length; at++) {
    const char = code[at]
    if (char === '\n') return start // it was a division
    if (char === '\\') at += 1
    else if (char === '[') inClass = true
    else if (char === ']') inClass = false
    else if (char === '/' && !inClass) return at + 1
  }
  return start
}

/** A function with a body in braces, by its lines, counted from 1. */
export interface FunctionSpan {
  first: number
  last: number
}

/** The functions, methods and arrows with a body in braces in a program as `programOf` gives it. */
export function functionsOf(program: string): FunctionSpan[] {
  const spans: FunctionSpan[] = []
  const open: { at: number; head: number | undefined }[] = []
  const line = (at: number) => program.slice(0, at).split('\n').length
  for (let at = 0; at < program.length; at++) {
    if (program[at] === '{') open.push({ at, head: headOfFunction(program, at) })
    else if (program[at] === '}') {
      const head = open.pop()?.head
      if (head !== undefined) spans.push({ first: line(head), last: line(at) })
    }
  }
  return spans.toSorted((a, b) => a.first - b.first)
}

/** Where the parameters of the function begin whose body opens at this brace; undefined when it is no body. */
function headOfFunction(program: string, brace: number): number | undefined {
  const before = program.slice(0, brace).trimEnd()
  if (before.endsWith('=>')) return before.length
  if (!before.endsWith(')')) return undefined
  let depth = 0
  for (let at = before.length - 1; at >= 0; at--) {
    if (before[at] === ')') depth += 1
    if (before[at] === '(') depth -= 1
    if (depth > 0) continue
    const word = /(\w+)\s*$/.exec(before.slice(Math.max(0, at - 80), at))?.[1]
    return ['if', 'for', 'while', 'switch', 'catch', 'await', 'with'].includes(word ?? '') ? undefined : at
  }
  return undefined
}

/** A module that another one names. */
export interface Import {
  specifier: string
  /** Gone when types are stripped. */
  typeOnly: boolean
}

const IMPORT =
  /^[ \t]*(?:import|export)\s+(type\s+)?(?:[^'"`;]*?\sfrom\s+)?'([^'\n]+)'|\bimport\(\s*'([^'\n]+)'\s*\)|\bnew URL\(\s*'([^'\n]+\.m?[jt]s)'\s*,\s*import\.meta\.url\s*\)/gm

/** Everything a module imports, re-exports, loads later or starts as a worker, in its order. */
export function importsOf(text: string): Import[] {
  const found: Import[] = []
  const code = text.replaceAll(/^\s*(\/\/|\*|\/\*).*$/gm, '')
  for (const match of code.matchAll(IMPORT)) {
    const named = /\{([^}]*)\}/.exec(match[0].split(/\sfrom\s/)[0] ?? '')?.[1]
    const all = named?.split(',').filter(name => name.trim() !== '') ?? []
    const onlyTypes = all.length > 0 && all.every(name => name.trim().startsWith('type '))
    found.push({
      specifier: match[2] ?? match[3] ?? match[4]!,
      typeOnly: match[1] !== undefined || onlyTypes,
    })
  }
  return found
}
