import type { JournalEntry } from '../read/entry.ts'
import { formatExport } from './export.ts'
import { formatJson, formatJsonPretty } from './json.ts'
import { formatShort, type ShortStyle, type ShowOptions } from './short.ts'
import { formatVerbose } from './verbose.ts'

const SHORT_STYLES: readonly ShortStyle[] = [
  'short',
  'short-full',
  'short-iso',
  'short-iso-precise',
  'short-monotonic',
  'short-precise',
  'short-unix',
  'with-unit',
]

/** Ways of writing entries, by their names at journalctl. */
export const OUTPUTS = [
  ...SHORT_STYLES,
  'cat',
  'export',
  'json',
  'json-pretty',
  'json-seq',
  'json-sse',
  'verbose',
] as const

/** Name of a way of writing entries. */
export type Output = (typeof OUTPUTS)[number]

/** Whether a word is one of OUTPUTS. */
export function isOutput(word: string): word is Output {
  return (OUTPUTS as readonly string[]).includes(word)
}

/**
 * Writes entries as journalctl prints them. In the ways that are for people, a line tells where another boot begins.
 */
export class Formatter {
  readonly #output: Output
  readonly #options: ShowOptions
  #bootId: string | undefined

  constructor(output: Output, options: Partial<ShowOptions> = {}) {
    this.#output = output
    this.#options = { utc: options.utc ?? false, all: options.all ?? false }
  }

  /** Whether lines are for people. */
  get isForPeople(): boolean {
    return this.#output === 'verbose' || isShort(this.#output)
  }

  /** The bytes for an entry, with their line end; none for an entry without a message in ways that show only that. */
  format(entry: JournalEntry): Buffer {
    const body = this.#body(entry)
    const isNewBoot = this.#bootId !== undefined && this.#bootId !== entry.bootId
    this.#bootId = entry.bootId
    if (!isNewBoot || !this.isForPeople) return body
    return Buffer.concat([Buffer.from(`-- Boot ${entry.bootId} --\n`), body])
  }

  #body(entry: JournalEntry): Buffer {
    const output = this.#output
    const { all } = this.#options
    if (isShort(output)) return formatShort(entry, output, this.#options) ?? Buffer.alloc(0)
    switch (output) {
      case 'cat': {
        const message = entry.fields.get('MESSAGE')?.[0]
        return message === undefined ? Buffer.alloc(0) : Buffer.concat([message, Buffer.from('\n')])
      }
      case 'export':
        return formatExport(entry)
      case 'json':
        return Buffer.from(formatJson(entry, all))
      case 'json-pretty':
        return Buffer.from(formatJsonPretty(entry, all))
      case 'json-seq':
        return Buffer.from(`\u001e${formatJson(entry, all)}`)
      case 'json-sse':
        return Buffer.from(`data: ${formatJson(entry, all)}\n`)
      case 'verbose':
        return formatVerbose(entry, this.#options)
    }
  }
}

function isShort(output: Output): output is ShortStyle {
  return (SHORT_STYLES as readonly string[]).includes(output)
}
