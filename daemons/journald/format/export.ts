import { serializeFields } from '../codec/export.ts'
import type { JournalEntry } from '../read/entry.ts'
import { printable } from './text.ts'

/** An entry in the export format, as `systemd-journal-remote` takes it: its address, its fields, an empty line. */
export function formatExport(entry: JournalEntry): Buffer {
  const address = [
    { name: '__CURSOR', value: entry.cursor },
    { name: '__REALTIME_TIMESTAMP', value: String(entry.realtime) },
    { name: '__MONOTONIC_TIMESTAMP', value: String(entry.monotonic) },
    { name: '__SEQNUM', value: String(entry.seqnum) },
    { name: '__SEQNUM_ID', value: entry.seqnumId },
    { name: '_BOOT_ID', value: entry.bootId },
  ]
  // The boot is in the address.
  const fields = entry.items.filter(({ name }) => name !== '_BOOT_ID')
  const isPlain = (value: Buffer): boolean => printable(value, false) !== undefined
  return Buffer.concat([serializeFields([...address, ...fields], isPlain), Buffer.from('\n')])
}
