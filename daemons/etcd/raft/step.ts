import { invariant } from './assert.ts'
import type { Core } from './core.ts'
import {
  campaign,
  checkQuorum,
  handleTimeoutNow,
  handleVote,
  handleVoteAnswer,
  mayCampaign,
  tellCommit,
} from './election.ts'
import type { Message, MessageType } from './message.ts'
import { handlePropose } from './proposal.ts'
import { confirmReads, handleReadIndex } from './read.ts'
import {
  handleAppend,
  handleAppendAnswer,
  handleHeartbeat,
  handleHeartbeatAnswer,
  sendHeartbeats,
} from './replication.ts'
import { becomeFollower } from './roles.ts'
import { handleSnapshot } from './snapshot.ts'
import { TRANSFER } from './transfer.ts'

/** One tick of the clock: heartbeats of a leader, patience of everybody else. */
export function tick(core: Core): void {
  const { settings } = core
  core.electionElapsed += 1
  if (core.role !== 'leader') {
    core.reads.tick(settings.electionTicks)
    if (core.calledTerm === core.term && mayCampaign(core)) {
      campaign(core, 'transfer')
      return
    }
    if (core.electionElapsed < core.timeoutTicks) return
    core.electionElapsed = 0
    // Who may not campaign has lost its leader all the same: it must not go on keeping its vote from others for it.
    if (core.leader !== '' && !mayCampaign(core)) becomeFollower(core, core.term, '')
    campaign(core, settings.preVote ? 'preVote' : 'vote')
    return
  }
  core.heartbeatElapsed += 1
  if (core.electionElapsed >= settings.electionTicks) {
    core.electionElapsed = 0
    // Who was to take over has not done so.
    core.transferee = ''
    if (settings.checkQuorum) checkQuorum(core)
  }
  if (core.role === 'leader' && core.heartbeatElapsed >= settings.heartbeatTicks) sendHeartbeats(core)
}

/** One message, from whomever. */
export function step(core: Core, message: Message): void {
  if (message.term === 0) {
    stepTermless(core, message)
  } else if (message.term < core.term) {
    answerOld(core, message)
  } else {
    if (message.term > core.term && !takeUpTerm(core, message)) return
    stepInTerm(core, message)
  }
}

/** Messages between a member and whom it takes for the leader. The term does not matter to them. */
function stepTermless(core: Core, message: Message): void {
  if (message.type === 'propose') handlePropose(core, message)
  else if (message.type === 'readIndex') handleReadIndex(core, message)
  else if (message.type === 'readIndexAnswer') core.reads.answer(message.context, message.index)
}

/**
 * An old leader or candidate is told of the term, and steps down. Without that a member with a newer term than all
 * others, which hears their leader and may not disturb it (pre-vote, check-quorum), would stay apart; and a candidate
 * would run behind the terms of one that counts by an older configuration and does not ask it.
 */
function answerOld(core: Core, { type, from }: Message): void {
  const answerType = ANSWERS_TO_OLD[type]
  if (answerType === undefined) return
  const answer = core.message(answerType, from)
  answer.reject = true
  if (answerType !== 'appendAnswer') tellCommit(core, answer)
  core.outbox.send(answer)
}

const ANSWERS_TO_OLD: { readonly [type in MessageType]?: MessageType } = {
  append: 'appendAnswer',
  heartbeat: 'appendAnswer',
  snapshot: 'appendAnswer',
  vote: 'voteAnswer',
  preVote: 'preVoteAnswer',
}

/** A newer term: follow it, unless somebody who does not hear the leader disturbs us who do. */
function takeUpTerm(core: Core, message: Message): boolean {
  const { type, from, term } = message
  if (type === 'vote' || type === 'preVote') {
    const hearsLeader = core.leader !== '' && core.electionElapsed < core.settings.electionTicks
    if (core.settings.checkQuorum && hearsLeader && message.context !== TRANSFER) return false
  }
  // Nobody has opened that term yet: it is asked whether it may be.
  if (type === 'preVote' || (type === 'preVoteAnswer' && !message.reject)) return true
  const ofLeader = type === 'append' || type === 'heartbeat' || type === 'snapshot'
  becomeFollower(core, term, ofLeader ? from : '')
  return true
}

function stepInTerm(core: Core, message: Message): void {
  switch (message.type) {
    case 'vote':
    case 'preVote':
      handleVote(core, message)
      return
    case 'voteAnswer':
    case 'preVoteAnswer':
      handleVoteAnswer(core, message)
      return
    case 'append':
      hearLeader(core, message)
      handleAppend(core, message)
      return
    case 'heartbeat':
      hearLeader(core, message)
      handleHeartbeat(core, message)
      return
    case 'snapshot':
      hearLeader(core, message)
      handleSnapshot(core, message)
      return
    case 'appendAnswer':
      if (core.role === 'leader') handleAppendAnswer(core, message)
      return
    case 'heartbeatAnswer':
      if (core.role !== 'leader') return
      handleHeartbeatAnswer(core, message)
      confirmReads(core)
      return
    case 'timeoutNow':
      handleTimeoutNow(core)
      return
    default:
      // Those without a term were handled.
      return
  }
}

/** The leader of this term speaks: it is followed, also by who would have led. */
function hearLeader(core: Core, message: Message): void {
  invariant(core.role !== 'leader', `${message.from} leads term ${core.term} as well`)
  if (core.role !== 'follower' || core.leader !== message.from) {
    invariant(
      core.leader === '' || core.leader === message.from,
      `${core.leader} led term ${core.term} before`,
    )
    becomeFollower(core, core.term, message.from)
  }
  core.electionElapsed = 0
}
