// Reads and writes the systemd journal. See README.md.

export { formatCursor, type Location, parseCursor } from './codec/cursor.ts'
export { JournalError, type JournalErrorCode } from './codec/errors.ts'
export { ExportParser, type PlainField, serializeFields } from './codec/export.ts'
export { formatExport } from './format/export.ts'
export { Formatter, isOutput, OUTPUTS, type Output } from './format/format.ts'
export { type JsonField, toJson } from './format/json.ts'
export type { ShowOptions } from './format/short.ts'
export type { OnProblem } from './host/files.ts'
export { type From, Journal, type JournalOptions, type ReadOptions } from './host/journal.ts'
export { JournalWriter, type WriterOptions } from './host/writer.ts'
export { and, isFieldName, isMatch, type Match, or, parseMatches, term } from './query/match.ts'
export { matchUnit, matchUserUnit } from './query/units.ts'
export type { Direction } from './read/chain.ts'
export { JournalEntry } from './read/entry.ts'
export type { Field } from './read/file.ts'
export {
  encodeMessage,
  encodeStreamHeader,
  PRIORITIES,
  type Priority,
  type StreamHeader,
} from './write/stream.ts'
