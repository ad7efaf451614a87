import type { Core } from './core.ts'
import { ENTRY_OVERHEAD_BYTES, entryBytes } from './log.ts'
import type { Message } from './message.ts'
import { appendEntry } from './replication.ts'
import type { Entry } from './types.ts'

/**
 * What became of a proposal. The first two say that it is on its way, not that it will be committed.
 *
 * - `appended`: it is in this leader's log.
 * - `forwarded`: it goes to the leader, which may refuse it without a word.
 * - `noLeader`: nobody leads as far as known.
 * - `busy`: too much is not committed yet.
 * - `transferring`: leadership is being handed over.
 * - `changePending`: a change of members is not applied yet, or the leader has yet to commit in its term.
 */
export type Proposed = 'appended' | 'forwarded' | 'noLeader' | 'busy' | 'transferring' | 'changePending'

/** Takes a proposal into the leader's log, or on the way to the leader. */
export function propose(core: Core, type: Entry['type'], data: Uint8Array): Proposed {
  if (core.role === 'leader') return admit(core, type, data)
  if (core.leader === '') return 'noLeader'
  const entry: Entry = { term: 0, index: 0, type, data }
  const bytes = core.forwardBytes + entryBytes(entry)
  if (core.forwardBytes > 0 && bytes > core.settings.uncommittedBytesMax) return 'busy'
  core.forwards.push(entry)
  core.forwardBytes = bytes
  return 'forwarded'
}

function admit(core: Core, type: Entry['type'], data: Uint8Array): Proposed {
  if (core.transferee !== '') return 'transferring'
  if (type === 'config' && !mayChange(core)) return 'changePending'
  // One entry goes always: else a long one would never.
  const bytes = core.uncommittedBytes + data.length + ENTRY_OVERHEAD_BYTES
  if (core.uncommittedBytes > 0 && bytes > core.settings.uncommittedBytesMax) return 'busy'
  core.uncommittedBytes = bytes
  appendEntry(core, type, data)
  if (type === 'config') core.changeIndex = core.log.last
  return 'appended'
}

/**
 * One change at a time, each from the configuration that the one before has made; and not before an entry of this
 * term is committed: until then a change of an older leader may still come to light (thesis, 4.1, and the correction
 * of 2015 on the raft-dev list).
 */
function mayChange(core: Core): boolean {
  if (core.planted.has('changesTogether')) return true
  return core.changeIndex <= core.log.applied && core.hasCommittedInTerm
}

/** Leader: takes proposals that a follower hands on. A refused one is dropped: its host asks again. */
export function handlePropose(core: Core, message: Message): void {
  for (const { type, data } of message.entries) {
    const taken = core.role === 'leader' && admit(core, type, data) === 'appended'
    if (!taken) core.proposalsDropped += 1
  }
}

/** Follower: hands on what was proposed since the last `ready`, in messages of `appendBytesMax`. */
export function flushForwards(core: Core): void {
  const { forwards } = core
  const { appendBytesMax } = core.settings
  core.forwards = []
  core.forwardBytes = 0
  let from = 0
  let bytes = 0
  for (let at = 0; at < forwards.length; at++) {
    bytes += entryBytes(forwards[at]!)
    if (at + 1 < forwards.length && bytes < appendBytesMax) continue
    const message = core.message('propose', core.leader)
    message.term = 0
    message.entries = forwards.slice(from, at + 1)
    core.outbox.send(message)
    from = at + 1
    bytes = 0
  }
}
