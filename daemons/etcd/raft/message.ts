import type { Entry, MemberId, Snapshot } from './types.ts'

/**
 * What members tell each other.
 *
 * | type | from → to | fields beside `term` |
 * |---|---|---|
 * | `append` | leader → all | `index`, `logTerm` of the entry before `entries`; `entries`; `commit`; `context` 1: no answer when the logs agree |
 * | `appendAnswer` | back | `index` up to which the logs agree durably; with `reject`: the `index` refused and the best guess where they agree, `hintIndex` and `hintTerm` |
 * | `heartbeat` | leader → all | `commit` as far as the receiver is known to agree; `context`: round of reads, or 0 |
 * | `heartbeatAnswer` | back | `context` as asked |
 * | `vote`, `preVote` | candidate → voters | `index`, `logTerm` of the last entry; `commit`, and as `hintTerm` the term of the entry there; `context` 1: the leader asked for it |
 * | `voteAnswer`, `preVoteAnswer` | back | `reject`, and then `commit` and `hintTerm` as with the question |
 * | `snapshot` | leader → follower | `snapshot`; answered by `appendAnswer` |
 * | `timeoutNow` | leader → voter | campaign at once |
 * | `propose` | follower → leader | `entries` without term and index; `term` 0 |
 * | `readIndex` | follower → leader | `context`: number of the question; `term` 0 |
 * | `readIndexAnswer` | back | `context` as asked, `index`; `term` 0 |
 */
export type MessageType =
  | 'append'
  | 'appendAnswer'
  | 'heartbeat'
  | 'heartbeatAnswer'
  | 'vote'
  | 'voteAnswer'
  | 'preVote'
  | 'preVoteAnswer'
  | 'snapshot'
  | 'timeoutNow'
  | 'propose'
  | 'readIndex'
  | 'readIndexAnswer'

/** One message. All types share one shape, so that the code that handles them sees one hidden class. */
export interface Message {
  type: MessageType
  to: MemberId
  from: MemberId
  /** The sender's term; 0 where the term does not matter. */
  term: number
  index: number
  logTerm: number
  commit: number
  hintIndex: number
  hintTerm: number
  context: number
  reject: boolean
  /** Shared with the log of who made it: never to be changed. */
  entries: readonly Entry[]
  snapshot: Snapshot | undefined
}

/** Whether a type of message is an answer: those hold no entries. */
export function isAnswer(type: MessageType): boolean {
  return type.endsWith('Answer')
}

/** Marks an append that only tells of the commit: an answer would tell nothing new. */
export const QUIET = 1

const NO_ENTRIES: readonly Entry[] = []

/** A message without anything but its head; the maker fills in what the type needs. */
export function newMessage(type: MessageType, to: MemberId, from: MemberId, term: number): Message {
  return {
    type,
    to,
    from,
    term,
    index: 0,
    logTerm: 0,
    commit: 0,
    hintIndex: 0,
    hintTerm: 0,
    context: 0,
    reject: false,
    entries: NO_ENTRIES,
    snapshot: undefined,
  }
}
