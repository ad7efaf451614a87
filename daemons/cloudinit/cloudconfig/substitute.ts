import type { Substitutes } from '../plan/report.ts'

const VARIABLE =
  /(?<!\\)\$(public_ipv4|private_ipv4|public_ipv6|private_ipv6)|\\(?=\$(?:public|private)_ipv[46])/g
const NEWLINE = 10

/** A variable that stands for nothing that is known. */
export interface Missing {
  name: string
  /** From 1 on. */
  line: number
  /** From 1 on. */
  column: number
}

/** A text with its variables replaced. */
export interface Substituted {
  text: string
  /** Names of the variables in it, each once, in the order in which they come first. */
  used: string[]
  /** Variables that became nothing, but for those in comments. */
  missing: Missing[]
  /** The column of the source that a column of `text` comes from. Both are from 1 on; lines stay what they are. */
  sourceColumn: (line: number, column: number) => number
}

/** One replacement: columns of its line, from 1 on. */
interface Edit {
  source: number
  sourceLength: number
  result: number
  resultLength: number
}

/**
 * Puts addresses in the place of `$private_ipv4` and its like, all over a text, before it is read (specification f.5).
 * What is not known becomes nothing; `\$private_ipv4` is the name itself. Two that stand side by side are both replaced,
 * which the original did not do.
 */
export function substitute(text: string, values: Substitutes): Substituted {
  const edits = new Map<number, Edit[]>()
  const used = new Set<string>()
  const missing: Missing[] = []
  const pieces: string[] = []
  const lines = new LineWalk(text)
  let from = 0
  for (const match of text.matchAll(VARIABLE)) {
    const [found] = match
    const name = match[1] as keyof Substitutes | undefined
    const { line, start } = lines.at(match.index)
    const value = name === undefined ? '' : (values[name] ?? '')
    if (name !== undefined) {
      used.add(name)
      // In a comment it is nothing that anybody misses.
      if (values[name] === undefined && !/^[ \t]*#/.test(text.slice(start, match.index)))
        missing.push({ name, line, column: match.index - start + 1 })
    }
    const before = edits.get(line) ?? []
    const last = before.at(-1)
    const source = match.index - start + 1
    const shift = last === undefined ? 0 : last.result + last.resultLength - last.source - last.sourceLength
    before.push({ source, sourceLength: found.length, result: source + shift, resultLength: value.length })
    edits.set(line, before)
    pieces.push(text.slice(from, match.index), value)
    from = match.index + found.length
  }
  pieces.push(text.slice(from))
  const sourceColumn = (line: number, column: number) => columnBefore(edits.get(line) ?? [], column)
  return { text: pieces.join(''), used: [...used], missing, sourceColumn }
}

/** Whatever stands within a value comes from the beginning of its variable. */
function columnBefore(edits: readonly Edit[], column: number): number {
  const edit = edits.findLast(({ result }) => result <= column)
  if (edit === undefined) return column
  const { source, sourceLength, result, resultLength } = edit
  const behind = column - result - resultLength
  return behind < 0 ? source : source + sourceLength + behind
}

/** Lines of offsets that only grow, in one walk through a text. */
class LineWalk {
  readonly #text: string
  #line = 1
  #start = 0
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  at(offset: number): { line: number; start: number } {
    for (; this.#at < offset; this.#at++)
      if (this.#text.charCodeAt(this.#at) === NEWLINE) {
        this.#line++
        this.#start = this.#at + 1
      }
    return { line: this.#line, start: this.#start }
  }
}
