import { open, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { frameBytes, readHeader } from '../../../daemons/etcd/wal/frame.ts'
import { parseSegmentFile } from '../../../daemons/etcd/wal/names.ts'
import type { Member } from './member.ts'

/** One group commit in a segment of our log. */
export interface FramePlace {
  offset: number
  bytes: number
}

/** Segments of a member's log, oldest first. */
export async function segmentsOf(member: Member): Promise<string[]> {
  const folder = join(member.dataFolder, 'member/wal')
  const names = await readdir(folder)
  const segments = names.filter(name => parseSegmentFile(name) !== undefined)
  return segments.toSorted().map(name => join(folder, name))
}

/** Frames of a segment, in order. */
export async function framesOf(path: string): Promise<FramePlace[]> {
  const bytes = await readFile(path)
  const frames: FramePlace[] = []
  for (let offset = 0; ; ) {
    const header = readHeader(bytes, offset)
    if (header === undefined) return frames
    const length = frameBytes(header.bodyBytes)
    frames.push({ offset, bytes: length })
    offset += length
  }
}

/** Changes bytes of a file in place. */
export async function change(
  path: string,
  offset: number,
  length: number,
  how: (byte: number) => number,
): Promise<void> {
  const file = await open(path, 'r+')
  try {
    const bytes = Buffer.alloc(length)
    await file.read(bytes, 0, length, offset)
    await file.write(bytes.map(how), 0, length, offset)
  } finally {
    await file.close()
  }
}
