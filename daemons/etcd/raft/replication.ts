import { invariant } from './assert.ts'
import type { Core } from './core.ts'
import { entriesBytes, NO_TERM } from './log.ts'
import { type Message, QUIET } from './message.ts'
import type { Progress } from './progress.ts'
import { sendSnapshot } from './snapshot.ts'
import { continueTransfer } from './transfer.ts'
import type { Entry } from './types.ts'

/** Leader: one more entry of its own term. It goes out with the next `ready`. */
export function appendEntry(core: Core, type: Entry['type'], data: Uint8Array): void {
  const entry = { term: core.term, index: core.log.last + 1, type, data }
  core.log.append(entry)
  core.appendsDue = true
  if (core.planted.has('ownUnsaved')) countOwn(core, entry.index)
}

/** Leader: its own log is durable up to `index`; it counts like any other voter's. */
export function countOwn(core: Core, index: number): void {
  if (core.progress.get(core.id)?.acknowledged(index)) advanceCommit(core)
}

/**
 * Leader: commits what a majority holds durably, if it is of the leader's own term; older entries are committed by
 * what follows them only (paper, 5.4.2 and figure 8).
 */
export function advanceCommit(core: Core): void {
  const { log } = core
  const index = core.matchOfMajority()
  if (index <= log.committed) return
  if (log.termOf(index) !== core.term && !core.planted.has('commitOldTerm')) return
  core.uncommittedBytes -= log.bytesOf(log.committed, index)
  log.commit(index)
  core.reads.ripen(index)
  core.appendsDue = true
}

/** Leader: sends all that may go: new entries as far as the windows reach, and news of the commit. */
export function flushAppends(core: Core): void {
  core.appendsDue = false
  for (const progress of core.progress.values()) {
    if (progress.id === core.id) continue
    while (sendAppend(core, progress)) {
      // One message holds `appendBytesMax`; the next one follows at once.
    }
  }
}

/** Sends the next append if one may go and says something new; whether another one may follow. */
function sendAppend(core: Core, progress: Progress): boolean {
  if (progress.paused) return false
  const { log } = core
  const before = progress.next - 1
  const windowFull = progress.state === 'replicate' && progress.inflights.full
  const hasEntries = before < log.last && !windowFull
  const hasCommit = progress.commitTold < Math.min(log.committed, before)
  if (!hasEntries && !hasCommit && !progress.wanted) return false
  const logTerm = log.termOf(before)
  if (logTerm === NO_TERM) {
    sendSnapshot(core, progress)
    return false
  }
  const message = core.message('append', progress.id)
  message.index = before
  message.logTerm = logTerm
  message.commit = log.committed
  if (hasEntries) {
    message.entries = log.slice(progress.next, log.last, core.settings.appendBytesMax)
    progress.sent(before + message.entries.length, entriesBytes(message.entries))
  } else if (progress.state === 'replicate' && !progress.wanted) {
    message.context = QUIET
  }
  progress.wanted = false
  progress.probing = progress.state === 'probe'
  progress.commitTold = Math.min(log.committed, before + message.entries.length)
  core.outbox.send(message)
  return hasEntries
}

/** Follower: takes the leader's entries, or says where the logs may agree. */
export function handleAppend(core: Core, message: Message): void {
  const { log, planted } = core
  const answer = core.message('appendAnswer', message.from)
  if (message.index < log.committed) {
    // An old message. What is committed agrees, so that is what may be said.
    answer.index = log.committed
    core.outbox.promise(answer)
    return
  }
  const agreed = log.merge(message.index, message.logTerm, message.entries, planted.has('conflictKept'))
  if (agreed === NO_TERM) {
    answer.reject = true
    answer.index = message.index
    // The leader cannot agree with an entry of ours that is of a later term than its own at this place.
    answer.hintIndex = log.agreement(message.index, message.logTerm)
    answer.hintTerm = log.termOf(answer.hintIndex)
    core.outbox.send(answer)
    return
  }
  // What follows `agreed` in our log is not compared yet, so the leader's commit does not speak of it.
  log.commit(Math.min(message.commit, planted.has('commitUnchecked') ? log.last : agreed))
  if (message.context === QUIET) return
  answer.index = agreed
  if (planted.has('ackUnsaved')) core.outbox.send(answer)
  else core.outbox.promise(answer)
}

/** Leader: counts a copy, or goes back to where the logs may agree. */
export function handleAppendAnswer(core: Core, message: Message): void {
  const progress = core.progress.get(message.from)
  if (progress === undefined) return
  progress.active = true
  core.appendsDue = true
  if (message.reject) {
    // The hint of the follower skips its terms that are too new, this skips ours: one exchange a term at most.
    const agree = core.log.agreement(message.hintIndex, message.hintTerm)
    progress.refused(message.index, agree)
    return
  }
  invariant(message.index <= core.log.last, `${message.from} acknowledged ${message.index}, beyond the log`)
  const news = progress.acknowledged(message.index)
  resume(core, progress, message.index)
  if (!news) return
  advanceCommit(core)
  continueTransfer(core, progress)
}

/** The logs agree now, so entries may follow one another. */
function resume(core: Core, progress: Progress, index: number): void {
  if (progress.state === 'replicate' || index < progress.match) return
  // A snapshot under way is needed no more as soon as the log can go on from there.
  if (progress.state === 'probe' || progress.match >= core.log.first - 1) progress.becomeReplicate()
}

/** Leader: says that it is there, how far all may commit, and which round of reads waits. */
export function sendHeartbeats(core: Core): void {
  core.heartbeatElapsed = 0
  const context = core.reads.roundWaited
  for (const progress of core.progress.values()) {
    if (progress.id === core.id) continue
    const message = core.message('heartbeat', progress.id)
    // Beyond its match the follower may hold something else.
    const agreed = core.planted.has('commitUnchecked') ? core.log.last : progress.match
    message.commit = Math.min(agreed, core.log.committed)
    message.context = context
    core.outbox.send(message)
  }
}

/** Follower: commits as told and answers at once; this promises nothing about the log. */
export function handleHeartbeat(core: Core, message: Message): void {
  const { log, planted } = core
  log.commit(planted.has('commitUnchecked') ? Math.min(message.commit, log.last) : message.commit)
  const answer = core.message('heartbeatAnswer', message.from)
  answer.context = message.context
  core.outbox.send(answer)
}

/** Leader: the follower is there. One that lacks entries gets an append: the one under way may be lost. */
export function handleHeartbeatAnswer(core: Core, message: Message): void {
  const progress = core.progress.get(message.from)
  if (progress === undefined) return
  progress.active = true
  progress.probing = false
  progress.readRound = Math.max(progress.readRound, message.context)
  if (progress.state === 'snapshot') return
  if (progress.match < core.log.last || progress.state === 'probe') {
    progress.wanted = true
    core.appendsDue = true
  }
}
