import type { JournalEntry } from '../read/entry.ts'
import { printable } from './text.ts'

/** A field's value in JSON: text, bytes that are no text, or null for what is too long. */
export type JsonField = string | number[] | null

/** Bytes of a field with its name, from which journalctl shows null unless all is asked for. */
const FIELD_BYTES_MAX = 4096

/**
 * An entry as an object, the way journalctl gives it: fields that are repeated are arrays, what is no printable text
 * is an array of bytes.
 *
 * @param all also of fields that are large, which else are null
 */
export function toJson(entry: JournalEntry, all = false): Record<string, JsonField | JsonField[]> {
  const object: Record<string, JsonField | JsonField[]> = {
    __CURSOR: entry.cursor,
    __REALTIME_TIMESTAMP: String(entry.realtime),
    __MONOTONIC_TIMESTAMP: String(entry.monotonic),
    __SEQNUM: String(entry.seqnum),
    __SEQNUM_ID: entry.seqnumId,
    _BOOT_ID: entry.bootId,
  }
  for (const [name, values] of entry.fields) {
    if (name in object) continue
    const shown = values.map(value => jsonOf(name, value, all))
    object[name] = shown.length === 1 ? shown[0]! : shown
  }
  return object
}

/** A line of JSON. */
export function formatJson(entry: JournalEntry, all: boolean): string {
  return `${JSON.stringify(toJson(entry, all))}\n`
}

/** JSON over several lines. */
export function formatJsonPretty(entry: JournalEntry, all: boolean): string {
  const lines = Object.entries(toJson(entry, all)).map(
    ([name, value]) => `\t${JSON.stringify(name)} : ${prettyOf(value)}`,
  )
  return `{\n${lines.join(',\n')}\n}\n`
}

function prettyOf(value: JsonField | JsonField[]): string {
  if (!Array.isArray(value)) return JSON.stringify(value)
  if (value.length === 0) return '[]'
  const lines = value.map(item => `\t\t${JSON.stringify(item)}`)
  return `[\n${lines.join(',\n')}\n\t]`
}

function jsonOf(name: string, value: Buffer, all: boolean): JsonField {
  if (!all && name.length + 1 + value.length >= FIELD_BYTES_MAX) return null
  return printable(value) ?? [...value]
}
