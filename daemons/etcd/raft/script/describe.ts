import { decodeChange } from '../membership.ts'
import { type Message, QUIET } from '../message.ts'
import type { Raft } from '../raft.ts'
import type { Configuration, Entry } from '../types.ts'

const text = new TextDecoder()

/** `4@2 "x"`: index, term, and what is in it. */
export function describeEntry({ term, index, type, data }: Entry): string {
  const place = index === 0 ? '' : `${index}@${term} `
  if (type === 'normal') return `${place}${data.length === 0 ? '-' : `"${text.decode(data)}"`}`
  const { kind, member } = decodeChange(data)
  return `${place}${kind} ${member}`
}

/** `1 2 3, learners 4`. */
export function describeConfiguration({ voters, learners }: Configuration): string {
  return voters.join(' ') + (learners.length === 0 ? '' : `, learners ${learners.join(' ')}`)
}

/** A message in one line, as a script prints it. */
export function describeMessage(message: Message): string {
  const { type, from, to, term } = message
  const head = term === 0 ? `${from}→${to}` : `${from}→${to} term ${term}`
  return `${head} ${bodyOf(type, message)}`
}

function bodyOf(type: Message['type'], message: Message): string {
  const { index, logTerm, commit, hintIndex, hintTerm, context, reject, entries, snapshot } = message
  const answer = reject ? (commit === 0 ? 'no' : `no, commit ${commit}@${hintTerm}`) : 'yes'
  const round = context === 0 ? '' : `, round ${context}`
  switch (type) {
    case 'append': {
      const list = entries.length === 0 ? 'nothing' : entries.map(describeEntry).join(', ')
      return `append after ${index}@${logTerm}: ${list}; commit ${commit}${context === QUIET ? ', quiet' : ''}`
    }
    case 'appendAnswer':
      return reject ? `refuses after ${index}, perhaps ${hintIndex}@${hintTerm}` : `agrees up to ${index}`
    case 'heartbeat':
      return `heartbeat, commit ${commit}${round}`
    case 'heartbeatAnswer':
      return `hears${round}`
    case 'vote':
    case 'preVote':
      return `${type}? log ends ${index}@${logTerm}${context === 0 ? '' : ', told to'}`
    case 'voteAnswer':
    case 'preVoteAnswer':
      return `${type === 'voteAnswer' ? 'vote' : 'preVote'}: ${answer}`
    case 'snapshot': {
      const { meta } = snapshot!
      return `snapshot ${meta.index}@${meta.term} of ${describeConfiguration(meta.configuration)}`
    }
    case 'timeoutNow':
      return 'campaign now'
    case 'propose':
      return `propose ${entries.map(describeEntry).join(', ')}`
    case 'readIndex':
      return `read ${context}?`
    case 'readIndexAnswer':
      return `read ${context}: ${index}`
  }
}

/** Where a member stands, in one line. */
export function describeState(raft: Raft): string {
  const leader = raft.leader === '' ? 'nobody' : raft.leader
  const terms: number[] = []
  for (let index = raft.firstIndex; index <= raft.lastIndex; index++) terms.push(raft.termOf(index))
  const log = terms.length === 0 ? 'empty' : terms.join(' ')
  const before =
    raft.firstIndex === 1 ? '' : ` behind ${raft.firstIndex - 1}@${raft.termOf(raft.firstIndex - 1)}`
  const marks = `commit ${raft.committedIndex}, applied ${raft.appliedIndex}, durable ${raft.stableIndex}`
  return `${raft.id}: ${raft.role} in term ${raft.term} of ${leader}; ${marks}; log${before}: ${log}`
}
