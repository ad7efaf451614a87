/**
 * Errors of log and snapshots that can be planted on purpose, each one that a careless implementation makes. They prove
 * that simulator and tests would notice. Nothing is planted in service.
 *
 * - `answerBeforeSync`: an append is answered when it is written, before it is durable.
 * - `skipSync`: nothing is synced at all.
 * - `skipFolderSync`: the names of new segments and snapshots are not made durable.
 * - `acceptTorn`: what is left of a torn frame is taken for records.
 * - `skipCheck`: checksums are not looked at when the log is read.
 * - `cutCorrupt`: a damaged frame is taken for a torn one and cut off with everything behind it.
 * - `skipRepair`: a torn tail is not overwritten.
 * - `renameUnsynced`: a snapshot gets its name before its bytes are durable.
 */
export type PlantedLogBug =
  | 'answerBeforeSync'
  | 'skipSync'
  | 'skipFolderSync'
  | 'acceptTorn'
  | 'skipCheck'
  | 'cutCorrupt'
  | 'skipRepair'
  | 'renameUnsynced'

/** All of them, for tests and flags. */
export const PLANTED_LOG_BUGS: readonly PlantedLogBug[] = [
  'answerBeforeSync',
  'skipSync',
  'skipFolderSync',
  'acceptTorn',
  'skipCheck',
  'cutCorrupt',
  'skipRepair',
  'renameUnsynced',
]
