/**
 * Errors of the member that can be planted on purpose, each one that a careless implementation makes. They prove that
 * the simulator would notice. Nothing is planted in service.
 *
 * - `countTwice`: a command that was proposed twice is applied twice.
 * - `sessionsUnsaved`: a snapshot does not say which commands were applied.
 * - `barrierFree`: reads are not confirmed by anybody.
 * - `removeAtOnce`: a voter is removed in one step, and gone when others may still need its vote.
 * - `rosterUnread`: who the others are is read when an entry is applied, but not when a snapshot was all that there was.
 */
export type PlantedMemberBug =
  | 'countTwice'
  | 'sessionsUnsaved'
  | 'barrierFree'
  | 'removeAtOnce'
  | 'rosterUnread'

/** All of them, for tests and flags. */
export const PLANTED_MEMBER_BUGS: readonly PlantedMemberBug[] = [
  'countTwice',
  'sessionsUnsaved',
  'barrierFree',
  'removeAtOnce',
  'rosterUnread',
]
