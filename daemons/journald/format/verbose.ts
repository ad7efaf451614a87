import type { JournalEntry } from '../read/entry.ts'
import { type ShowOptions, sourceTime } from './short.ts'
import { blob, indent, printable } from './text.ts'
import { fullTime } from './time.ts'

/** Every field on a line of its own, under the time and the cursor. */
export function formatVerbose(entry: JournalEntry, { utc, all }: ShowOptions): Buffer {
  const realtime = sourceTime(entry, '_SOURCE_REALTIME_TIMESTAMP', entry.realtime, 1n)
  const pieces: Buffer[] = [Buffer.from(`${fullTime(realtime, utc, true)} [${entry.cursor}]\n`)]
  for (const { name, value } of entry.items) {
    const head = `    ${name}=`
    const isShown = all || printable(value) !== undefined
    const text = isShown ? indent(value, head.length) : Buffer.from(blob(value))
    pieces.push(Buffer.from(head, 'latin1'), text, Buffer.from('\n'))
  }
  return Buffer.concat(pieces)
}
