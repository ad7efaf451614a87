import type { DiskError } from '../member/env.ts'

/*
 * What log and snapshots answer beyond what the disk itself does (`ENOSPC`, `EIO`, `ENOENT`, …):
 *
 *   ECORRUPT   what is stored is damaged; starting could make the cluster lose what it acknowledged
 *   EMARK      the log does not reach back to the snapshot that was named, or knows nothing of it
 *   EVERSION   a later version of this program wrote the log
 *   EAGAIN     more waits than may wait: append again after an answer
 *   EFBIG      one append is larger than any may be
 *   ECLOSED    used after close, or after a failed write or sync
 *   EBUSY      done already at this moment: a second snapshot, a lock that another process holds
 */

/** An error in the shape of the disk's. */
export function problem(code: string, message: string): DiskError {
  return { code, message }
}

/** The refusal of a damaged file: where, what, and what to do about it. */
export function corrupt(path: string, offset: number, why: string): DiskError {
  return problem(
    'ECORRUPT',
    `${path} is corrupt at byte ${offset}: ${why}; this member cannot be trusted any more: ` +
      'remove it from the cluster, delete its data directory and add it again, or restore a backup',
  )
}
