import { shown } from './shown.ts'

/** A block `iface` of a file /etc/network/interfaces (interfaces(5)). */
export interface Stanza {
  name: string
  family: 'inet' | 'inet6'
  method: string
  options: Option[]
  /** From 1 on. */
  line: number
}

/** A line in a block. */
export interface Option {
  /** In lower case, with `-` for `_`. */
  name: string
  value: string
  line: number
}

const LINES_MAX = 100_000
const STANZAS_MAX = 1000
/** Words that begin something which has no meaning for systemd-networkd: it brings up what has a file. */
const PASSED_OVER = /^(auto|allow-.*|no-auto-down|no-scripts)$/
/** Words that begin something else than an interface. */
const UNSUPPORTED = new Set(['mapping', 'source', 'source-directory', 'rename', 'template'])
const INTERFACE = /^[A-Za-z0-9_.-]{1,15}$/

/** Splits a file into its blocks; `problems` are lines that say what of it is passed over. */
export function parseInterfaces(text: string): { stanzas: Stanza[]; problems: string[] } {
  const stanzas: Stanza[] = []
  const problems: string[] = []
  let current: Stanza | undefined
  for (const { words, line } of logicalLines(text, problems)) {
    const [keyword = '', ...rest] = words
    const [name = '', family = '', method = ''] = rest
    if (keyword === 'iface') {
      current = undefined
      if (!INTERFACE.test(name) || (family !== 'inet' && family !== 'inet6') || method === '')
        problems.push(`line ${line}: must be 'iface NAME inet|inet6 METHOD'`)
      else if (stanzas.length >= STANZAS_MAX)
        problems.push(`line ${line}: more than ${STANZAS_MAX} interfaces`)
      else {
        current = { name, family, method, options: [], line }
        stanzas.push(current)
      }
    } else if (PASSED_OVER.test(keyword) || UNSUPPORTED.has(keyword)) {
      current = undefined
      if (UNSUPPORTED.has(keyword)) problems.push(`line ${line}: '${keyword}' is not supported`)
    } else if (current !== undefined) {
      const option = keyword.toLowerCase().replaceAll('_', '-')
      current.options.push({ name: option, value: rest.join(' '), line })
    } else if (!problems.some(problem => problem.endsWith(OUTSIDE))) {
      // Whatever follows a block that was refused would be told line by line.
      problems.push(`line ${line}: '${shown(keyword)}' ${OUTSIDE}`)
    }
  }
  return { stanzas, problems }
}

const OUTSIDE = 'is in no block that is understood'

/** Lines without comments and blank ones; one that ends in a backslash goes on in the next. */
function* logicalLines(text: string, problems: string[]): Generator<{ words: string[]; line: number }> {
  const lines = text.split('\n')
  if (lines.length > LINES_MAX) problems.push(`line ${LINES_MAX}: the rest is too long, and not read`)
  let joined = ''
  let first = 0
  for (const [index, raw] of lines.slice(0, LINES_MAX).entries()) {
    if (joined === '') first = index + 1
    const part = raw.replace(/\r$/, '')
    if (joined === '' && part.trimStart().startsWith('#')) continue
    if (part.endsWith('\\')) {
      joined += `${part.slice(0, -1)} `
      continue
    }
    const words = `${joined}${part}`.split(/\s+/).filter(word => word !== '')
    joined = ''
    if (words.length > 0) yield { words, line: first }
  }
  if (joined.trim() !== '') problems.push(`line ${first}: the last line ends in a backslash`)
}
