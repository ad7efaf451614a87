import { invariant } from './assert.ts'
import type { Core } from './core.ts'
import { appendEntry, countOwn } from './replication.ts'
import type { MemberId } from './types.ts'

const NO_DATA = new Uint8Array(0)

/** Follows whoever leads `term`; '' as long as that is unknown. */
export function becomeFollower(core: Core, term: number, leader: MemberId | ''): void {
  invariant(term >= core.term, `term ${term} came after ${core.term}`)
  // A read belongs to the leader that was asked.
  if (term !== core.term || leader !== core.leader || core.role === 'leader') core.reads.lose()
  leaveTerm(core, term)
  core.role = 'follower'
  core.leader = leader
}

/** Asks the others whether it could win. Neither term nor vote change. */
export function becomePreCandidate(core: Core): void {
  invariant(core.role !== 'leader', 'a leader need not campaign')
  core.reads.lose()
  core.resetTimeout()
  core.votes.clear()
  core.role = 'preCandidate'
  core.leader = ''
  core.forwards = []
  core.forwardBytes = 0
}

/** Opens a new term with a vote for itself. */
export function becomeCandidate(core: Core): void {
  invariant(core.role !== 'leader', 'a leader need not campaign')
  core.reads.lose()
  leaveTerm(core, core.term + 1)
  core.role = 'candidate'
  core.leader = ''
  core.vote = core.id
}

/** Leads the term that it was elected for; its first entry commits all before it (paper, 5.4.2 and 8). */
export function becomeLeader(core: Core): void {
  invariant(core.role === 'candidate', `a ${core.role} cannot become leader`)
  const { log } = core
  leaveTerm(core, core.term)
  core.role = 'leader'
  core.leader = core.id
  for (const progress of core.progress.values()) {
    progress.match = 0
    progress.snapshotIndex = 0
    progress.becomeProbe()
    progress.next = log.last + 1
    progress.commitTold = 0
    progress.readRound = 0
    progress.active = progress.id === core.id
  }
  // Its own copy counts as far as it is durable, no further: the disk may still be at work for an older term.
  countOwn(core, log.stable)
  // Whether one of these is committed is not known yet; until the last one is applied there may be no further change.
  core.changeIndex = log.lastChange(log.applied, log.last)
  core.uncommittedBytes = log.bytesOf(log.committed, log.last)
  appendEntry(core, 'normal', NO_DATA)
}

/** Forgets what belongs to a term or a role. */
function leaveTerm(core: Core, term: number): void {
  if (term !== core.term) {
    core.term = term
    core.vote = ''
  }
  core.resetTimeout()
  core.votes.clear()
  core.transferee = ''
  core.changeIndex = 0
  core.uncommittedBytes = 0
  core.appendsDue = false
  core.forwards = []
  core.forwardBytes = 0
}
