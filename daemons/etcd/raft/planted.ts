/**
 * Errors that can be planted on purpose, each one that a careless implementation makes. They prove that the tests
 * would notice: a simulation that runs with one of them must fail. Nothing is planted in service.
 *
 * - `voteTwice`: a second candidate gets a vote in the same term.
 * - `voteUnsaved`: the vote is answered before it is durable, and never saved.
 * - `voteLogUnchecked`: a candidate gets votes however old its log is (paper, 5.4.1).
 * - `commitOldTerm`: an entry of an older term is committed by counting its copies (paper, figure 8).
 * - `commitUnchecked`: a follower commits as far as the leader, beyond what it has compared with the leader's log.
 * - `conflictKept`: entries that contradict the leader's stay in the follower's log.
 * - `ackUnsaved`: a follower acknowledges entries before they are durable.
 * - `ownUnsaved`: the leader counts its own copy before it is durable.
 * - `changesTogether`: a change of members is accepted while another one is not applied yet.
 * - `readUnconfirmed`: the leader serves a read without asking a majority whether it still leads.
 * - `readEarly`: the leader serves a read before it has committed an entry of its own term.
 * - `snapshotKeepsTail`: entries behind an installed snapshot stay, though they contradict it.
 * - `voteTellsNothing`: without a leader nobody learns that a change of members is committed, so who lacks it waits for
 *   votes that cannot come.
 */
export type PlantedBug =
  | 'voteTwice'
  | 'voteUnsaved'
  | 'voteLogUnchecked'
  | 'commitOldTerm'
  | 'commitUnchecked'
  | 'conflictKept'
  | 'ackUnsaved'
  | 'ownUnsaved'
  | 'changesTogether'
  | 'readUnconfirmed'
  | 'readEarly'
  | 'snapshotKeepsTail'
  | 'voteTellsNothing'

/** All of them, for tests and flags. */
export const PLANTED_BUGS: readonly PlantedBug[] = [
  'voteTwice',
  'voteUnsaved',
  'voteLogUnchecked',
  'commitOldTerm',
  'commitUnchecked',
  'conflictKept',
  'ackUnsaved',
  'ownUnsaved',
  'changesTogether',
  'readUnconfirmed',
  'readEarly',
  'snapshotKeepsTail',
  'voteTellsNothing',
]
