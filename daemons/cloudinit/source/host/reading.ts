import { describeFailure } from '#lib/errors.ts'
import { type Metadata, NO_METADATA } from '../../metadata/metadata.ts'
import type { NetworkFile } from '../networkd.ts'
import { shown } from '../shown.ts'

/** What was read at a place. */
export interface Reading {
  /** Where it was, for messages. */
  place: string
  userData?: Uint8Array
  /** Where the user data is, when the place only says that. */
  userDataUrl?: string
  metadata: Metadata
  networkFiles: NetworkFile[]
  /** What of it can not be used, one line each. */
  problems: string[]
  /** Whether there is user data, and it can not be read. */
  isBroken: boolean
}

/** A hostname of Linux (HOST_NAME_MAX). */
const HOSTNAME = /^[A-Za-z0-9]([A-Za-z0-9.-]{0,62}[A-Za-z0-9])?$/

/** Nothing was read yet. */
export function newReading(place: string): Reading {
  return { place, metadata: NO_METADATA, networkFiles: [], problems: [], isBroken: false }
}

/** Reads one part; when that fails, it is told, and the other parts count. */
export async function readPart<Part>(
  reading: Reading,
  read: () => Promise<Part | undefined>,
): Promise<Part | undefined> {
  try {
    return await read()
  } catch (error) {
    const reason = describeFailure(error)
    if (reason === undefined) throw error
    reading.problems.push(reason)
    return undefined
  }
}

/** Reads the user data; what is there and can not be read is not the same as none. */
export async function readUserData(
  reading: Reading,
  read: () => Promise<Uint8Array | undefined>,
): Promise<void> {
  const before = reading.problems.length
  const bytes = await readPart(reading, read)
  if (bytes !== undefined && bytes.length > 0) reading.userData = bytes
  reading.isBroken = reading.problems.length > before
}

/** Takes metadata of a source that does not check it by itself. */
export function takeMetadata(reading: Reading, metadata: Partial<Metadata>): void {
  const { hostname, keys = [], ...rest } = metadata
  const isHostname = hostname === undefined || HOSTNAME.test(hostname)
  if (!isHostname) reading.problems.push(`hostname '${shown(hostname)}' can not be that`)
  const lines = keys.filter(key => !/[\0-\x08\x0a-\x1f\x7f]/.test(key))
  if (lines.length < keys.length) reading.problems.push('a public key is no line of text')
  reading.metadata = {
    ...NO_METADATA,
    ...rest,
    ...(hostname !== undefined && isHostname ? { hostname } : {}),
    keys: lines,
  }
}
