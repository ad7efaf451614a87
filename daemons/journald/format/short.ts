import type { JournalEntry } from '../read/entry.ts'
import { blob, indent, printable, SHOWN_BYTES_MAX, stripTerminal } from './text.ts'
import { bootTime, fullTime, isoTime, syslogTime, unixTime } from './time.ts'

/** How a line begins. */
export type ShortStyle =
  | 'short'
  | 'short-precise'
  | 'short-iso'
  | 'short-iso-precise'
  | 'short-full'
  | 'short-monotonic'
  | 'short-unix'
  | 'with-unit'

/** Settings of what is shown. */
export interface ShowOptions {
  /** Times are in UTC, not in the time zone of the process. */
  utc: boolean
  /** Everything is shown, however long, and unprintable too. */
  all: boolean
}

/** Times from there on are none. */
const TIME_MAX = 2n ** 55n

/**
 * One line of a log file: time, host, program, message.
 *
 * @returns undefined for an entry without a message
 */
export function formatShort(
  entry: JournalEntry,
  style: ShortStyle,
  options: ShowOptions,
): Buffer | undefined {
  const raw = entry.fields.get('MESSAGE')?.at(-1)
  if (raw === undefined) return undefined
  const { text, columns } = headOf(entry, style, options)
  const message = options.all ? raw : stripTerminal(raw)
  if (!options.all && printable(message) === undefined) return Buffer.from(`${text}${blob(message)}\n`)
  return Buffer.concat([Buffer.from(text), indent(message, columns), Buffer.from('\n')])
}

/** What stands before the message, and how far its further lines are moved in. */
function headOf(
  entry: JournalEntry,
  style: ShortStyle,
  options: ShowOptions,
): { text: string; columns: number } {
  const shown = (name: string): string | undefined => show(entry.fields.get(name)?.at(-1), options)
  const add = (word: string): void => {
    text += word
    columns += Buffer.byteLength(word)
  }
  let text = timeOf(entry, style, options.utc)
  let columns = text.length + 2
  const host = shown('_HOSTNAME')
  if (host !== undefined) add(` ${host}`)
  const unit = style === 'with-unit' ? unitOf(shown) : undefined
  const name = unit?.text ?? shown('SYSLOG_IDENTIFIER') ?? shown('_COMM')
  if (name !== undefined) add(` ${name}`)
  // The original moves lines in as if this word and the second unit were not there.
  else text += ' unknown'
  if (unit !== undefined) columns += unit.columns - Buffer.byteLength(unit.text) - 1
  const pid = shown('_PID') ?? shown('SYSLOG_PID')
  if (pid !== undefined) add(`[${pid}]`)
  return { text: `${text}: `, columns }
}

function timeOf(entry: JournalEntry, style: ShortStyle, utc: boolean): string {
  const realtime = sourceTime(entry, '_SOURCE_REALTIME_TIMESTAMP', entry.realtime, 1n)
  if (style === 'short-monotonic') {
    // Who tells only the time of day when he sent it, sent it as long before it was received.
    const sent = entry.monotonic + realtime - entry.realtime
    return bootTime(sourceTime(entry, '_SOURCE_MONOTONIC_TIMESTAMP', sent > 0n ? sent : 0n, 0n))
  }
  switch (style) {
    case 'short-precise':
      return syslogTime(realtime, utc, true)
    case 'short-iso':
    case 'short-iso-precise':
      return isoTime(realtime, utc, style === 'short-iso-precise')
    case 'short-full':
    case 'with-unit':
      return fullTime(realtime, utc, false)
    case 'short-unix':
      return unixTime(realtime)
    default:
      return syslogTime(realtime, utc, false)
  }
}

/** When it was sent, if its sender says so; else when it was received. */
export function sourceTime(entry: JournalEntry, name: string, otherwise: bigint, min: bigint): bigint {
  const text = entry.fields.get(name)?.at(-1)?.toString('latin1') ?? ''
  if (!/^\d{1,19}$/.test(text)) return otherwise
  const time = BigInt(text)
  return time >= min && time < TIME_MAX ? time : otherwise
}

function unitOf(shown: (name: string) => string | undefined): { text: string; columns: number } | undefined {
  const unit = shown('_SYSTEMD_UNIT')
  const userUnit = shown('_SYSTEMD_USER_UNIT')
  if (unit === undefined && userUnit === undefined) return undefined
  const columns = unit === undefined ? 0 : Buffer.byteLength(unit) + 1
  if (userUnit === undefined) return { text: unit!, columns }
  return {
    text: unit === undefined ? userUnit : `${unit}/${userUnit}`,
    columns: 2 * columns + (columns === 0 ? 1 : 0),
  }
}

function show(value: Buffer | undefined, { all }: ShowOptions): string | undefined {
  if (value === undefined) return undefined
  if (all) return value.toString('utf8')
  return value.length < SHOWN_BYTES_MAX ? printable(value) : undefined
}
