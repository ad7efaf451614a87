import * as fs from 'node:fs'
import { nodeDisk } from '../../host/disk.ts'
import type { Answer, Disk, File } from '../../member/env.ts'
import { problem } from '../../wal/problem.ts'

const PAGE_BYTES = 4096

/**
 * The disk of a member that may be at work, for reading alone. What a reader of snapshots would set aside or remove stays
 * where it is.
 *
 * A log is read while it grows. From front to back, what comes late could be there and what came before it not, which
 * looks like damage. So it is read from back to front, page by page: what was written before something that was seen is
 * there when its turn comes, as the log syncs each frame before it writes the next.
 */
export function liveDisk(): Disk {
  const disk = nodeDisk({ isReadOnly: true })
  const leave: (...args: [...string[], Answer]) => void = (...args) =>
    void process.nextTick(args.at(-1) as Answer, undefined)
  return {
    ...disk,
    open: (path, options, done) => {
      if (!path.endsWith('.wal')) disk.open(path, options, done)
      else setImmediate(openLog, path, done)
    },
    rename: leave,
    remove: leave,
    syncFolder: leave,
    makeFolder: leave,
  }
}

function openLog(path: string, done: Answer<File>): void {
  let bytes: Buffer
  try {
    bytes = readBackwards(path)
  } catch (error) {
    const { code = 'EIO', message } = error as NodeJS.ErrnoException
    done({ code, message }, undefined as never)
    return
  }
  const refuse = (done: Answer): void =>
    void process.nextTick(done, problem('EROFS', `${path} is read, not written`))
  done(undefined, {
    size: done => void process.nextTick(done, undefined, bytes.length),
    read: (offset, length, done) =>
      void process.nextTick(done, undefined, bytes.subarray(offset, offset + length)),
    write: (_offset, _pieces, done) => refuse(done),
    truncate: (_length, done) => refuse(done),
    sync: done => refuse(done),
    close: done => void process.nextTick(done, undefined),
  })
}

function readBackwards(path: string): Buffer {
  const descriptor = fs.openSync(path, 'r')
  try {
    const bytes = Buffer.alloc(fs.fstatSync(descriptor).size)
    for (let start = Math.floor(bytes.length / PAGE_BYTES) * PAGE_BYTES; start >= 0; start -= PAGE_BYTES)
      fs.readSync(descriptor, bytes, start, Math.min(PAGE_BYTES, bytes.length - start), start)
    return bytes
  } finally {
    fs.closeSync(descriptor)
  }
}
