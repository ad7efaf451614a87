/** A segment of the log by its name. */
export interface SegmentName {
  /** From 0, without gaps. */
  sequence: number
  /** Index of the first entry that may be new in it: one more than the last index when it was begun. */
  index: number
}

const DIGITS = 16
const SEGMENT = /^([0-9a-f]{16})-([0-9a-f]{16})\.wal$/

/** `0000000000000001-00000000000003e8.wal` */
export function segmentFile({ sequence, index }: SegmentName): string {
  return `${hex(sequence)}-${hex(index)}.wal`
}

/** The segment that a file is, or undefined. */
export function parseSegmentFile(file: string): SegmentName | undefined {
  const match = SEGMENT.exec(file)
  if (match === null) return undefined
  const sequence = Number.parseInt(match[1]!, 16)
  const index = Number.parseInt(match[2]!, 16)
  return Number.isSafeInteger(sequence) && Number.isSafeInteger(index) ? { sequence, index } : undefined
}

/** The name of a segment until it is part of the log; as long as the real one, so that the folder keeps its size. */
export function temporaryFile(sequence: number): string {
  return `${hex(sequence)}-next.tmp`.padStart(segmentFile({ sequence, index: 0 }).length, '_')
}

/** Whether a file is a segment that never became part of the log. */
export function isTemporaryFile(file: string): boolean {
  return file.endsWith('.tmp')
}

/** A number as in the names of files. */
export function hex(value: number): string {
  return value.toString(16).padStart(DIGITS, '0')
}

/**
 * Which segment to begin reading at to find everything behind `index`, and the mark of a snapshot there: the last one
 * that was begun when the log did not reach `index` yet. What stands before is needed by nobody who has that snapshot.
 */
export function firstNeeded(segments: readonly SegmentName[], index: number): number {
  let first = 0
  for (const [place, segment] of segments.entries()) if (segment.index <= index) first = place
  return first
}

/** The folder that holds this file or folder. */
export function folderAbove(path: string): string {
  const at = path.lastIndexOf('/')
  return at > 0 ? path.slice(0, at) : at === 0 ? '/' : '.'
}
