import type { File } from '../member/env.ts'
import type { HardState } from '../raft/types.ts'
import type { Chain } from './frame.ts'
import type { SegmentName } from './names.ts'
import type { PlantedLogBug } from './planted.ts'
import type { Identity } from './record.ts'

/**
 * Lengths of segments in bytes, and how much longer each is than the one before. The first is small, so that a new
 * member starts at once and a quiet one stays small.
 */
export const SEGMENT_BYTES_FIRST = 4 * 1024 * 1024
export const SEGMENT_BYTES_MAX = 64 * 1024 * 1024
export const SEGMENT_GROWTH = 2
/** Settings, for tests and simulation; service has the defaults. */
export interface LogOptions {
  segmentBytesFirst?: number
  segmentBytesMax?: number
  planted?: ReadonlySet<PlantedLogBug>
  /** There is no room for the next segment (true), or there is again. */
  onSpace?: (isLow: boolean) => void
}

/** Where the log stands on disk when it is opened. */
export interface LogPosition {
  identity: Identity
  segments: SegmentName[]
  file: File
  size: number
  offset: number
  chain: Chain
  lastIndex: number
  hardState: HardState
}
