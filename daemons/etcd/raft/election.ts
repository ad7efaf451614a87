import { invariant } from './assert.ts'
import type { Core } from './core.ts'
import type { Message } from './message.ts'
import { majority, voteResult } from './quorum.ts'
import { becomeCandidate, becomeFollower, becomeLeader, becomePreCandidate } from './roles.ts'
import { TRANSFER } from './transfer.ts'
import type { MemberId } from './types.ts'

/** How to campaign: ask first, in earnest, or in earnest because the leader asked for it. */
export type Campaign = 'preVote' | 'vote' | 'transfer'

/** Whether this member would campaign if it were told to. */
export function mayCampaign(core: Core): boolean {
  if (core.role === 'leader' || !core.promotable) return false
  // A committed change of members that is not applied: it would count votes by a configuration that is over.
  const { log } = core
  return log.lastChange(log.applied, log.committed) === 0 || core.planted.has('changesTogether')
}

/** Campaigns if it may. */
export function campaign(core: Core, kind: Campaign): void {
  if (!mayCampaign(core)) return
  if (kind === 'preVote') {
    becomePreCandidate(core)
    askVotes(core, kind)
    count(core, core.id, true)
    return
  }
  becomeCandidate(core)
  askVotes(core, kind)
  // Its own vote counts as late as others may know of it: when it is durable. Otherwise, after a crash, it could vote
  // again in this term, or be elected for it a second time with another log.
  const own = core.message('voteAnswer', core.id)
  if (core.planted.has('voteUnsaved')) handleVoteAnswer(core, own)
  else core.outbox.promise(own)
}

function askVotes(core: Core, kind: Campaign): void {
  const pre = kind === 'preVote'
  for (const { id } of core.voters) {
    if (id === core.id) continue
    const message = core.message(pre ? 'preVote' : 'vote', id)
    message.term = pre ? core.term + 1 : core.term
    message.index = core.log.last
    message.logTerm = core.log.lastTerm
    message.context = kind === 'transfer' ? TRANSFER : 0
    tellCommit(core, message)
    if (pre || core.planted.has('voteUnsaved')) core.outbox.send(message)
    else core.outbox.promise(message)
  }
}

/** Votes, or says whether it would: once in a term, and only for a log that lacks nothing committed. */
export function handleVote(core: Core, message: Message): void {
  learnCommit(core, message)
  const pre = message.type === 'preVote'
  const free = pre
    ? message.term > core.term
    : core.vote === message.from || (core.vote === '' && core.leader === '') || core.planted.has('voteTwice')
  const complete = core.log.isUpToDate(message.index, message.logTerm) || core.planted.has('voteLogUnchecked')
  const answer = core.message(pre ? 'preVoteAnswer' : 'voteAnswer', message.from)
  if (!free || !complete) {
    answer.reject = true
    tellCommit(core, answer)
    core.outbox.send(answer)
  } else if (pre) {
    if (givesWay(core, message)) becomeFollower(core, core.term, '')
    // Our term has not changed; the answer names the one that was asked about.
    answer.term = message.term
    core.outbox.send(answer)
  } else {
    core.vote = message.from
    core.electionElapsed = 0
    if (core.planted.has('voteUnsaved')) core.outbox.send(answer)
    else core.outbox.promise(answer)
  }
}

/**
 * Two ask at the same moment, with logs of the same end: both would get their yes, open the same term, and split its
 * votes, and the cluster would wait for another timeout. So one of them, and only one, lets the other go first. Nothing
 * is promised by that: if the other falls, its own next timeout finds this one as willing as before.
 */
function givesWay(core: Core, { from, term, index, logTerm }: Message): boolean {
  const { log } = core
  return (
    core.role === 'preCandidate' &&
    term === core.term + 1 &&
    index === log.last &&
    logTerm === log.lastTerm &&
    from < core.id
  )
}

/**
 * Says up to where the log is known to be committed: `commit`, and the term of the entry there as `hintTerm`. Without a
 * leader nobody else would, and whoever does not know that a change of members is committed counts by the old ones.
 */
export function tellCommit(core: Core, message: Message): void {
  if (core.planted.has('voteTellsNothing')) return
  message.commit = core.log.committed
  message.hintTerm = core.log.termOf(core.log.committed)
}

/** What is committed once is committed for ever, and logs that agree on an entry agree on all before it. */
function learnCommit(core: Core, { commit, hintTerm }: Message): void {
  if (core.role !== 'leader' && commit > core.log.committed && core.log.matches(commit, hintTerm))
    core.log.commit(commit)
}

/** Candidate: counts an answer to what it asks at the moment. */
export function handleVoteAnswer(core: Core, message: Message): void {
  learnCommit(core, message)
  if (core.role !== (message.type === 'voteAnswer' ? 'candidate' : 'preCandidate')) return
  // A yes from an earlier question, about another term.
  if (core.role === 'preCandidate' && !message.reject && message.term !== core.term + 1) return
  count(core, message.from, !message.reject)
}

function count(core: Core, from: MemberId, granted: boolean): void {
  if (core.progress.get(from)?.voter !== true || core.votes.has(from)) return
  core.votes.set(from, granted)
  let [yes, no] = [0, 0]
  // By the voters of now: the configuration may have changed since the question.
  for (const { id } of core.voters) {
    const vote = core.votes.get(id)
    if (vote === true) yes += 1
    else if (vote === false) no += 1
  }
  const result = voteResult(core.voters.length, yes, no)
  if (result === 'lost') becomeFollower(core, core.term, '')
  if (result !== 'won') return
  if (core.role === 'preCandidate') campaign(core, 'vote')
  else becomeLeader(core)
}

/** The leader wants this member to take over. */
export function handleTimeoutNow(core: Core): void {
  invariant(core.role !== 'leader', 'a leader was told to take over from another one of its term')
  // Who has a change of members to apply cannot at once, but with the tick after that.
  if (mayCampaign(core)) campaign(core, 'transfer')
  else core.calledTerm = core.term
}

/** Leader: steps down when it has not heard from a majority for an election timeout. */
export function checkQuorum(core: Core): void {
  let heard = 0
  for (const voter of core.voters) if (voter.active || voter.id === core.id) heard += 1
  for (const progress of core.progress.values()) progress.active = progress.id === core.id
  if (heard < majority(core.voters.length)) becomeFollower(core, core.term, '')
}
