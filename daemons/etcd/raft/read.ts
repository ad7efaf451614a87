import type { Core } from './core.ts'
import type { Message } from './message.ts'
import { sendHeartbeats } from './replication.ts'
import type { MemberId } from './types.ts'

/** Whether a read was taken: its answer comes with a later `ready`. */
export type ReadTaken = 'taken' | 'noLeader' | 'busy'

/**
 * Asks from which index on a read is linearizable (thesis, 6.4). The leader answers its commit of the moment of the
 * request, after a majority has confirmed since then that it leads, and after it has committed in its own term:
 * before that it does not know what is committed.
 */
export function readIndex(core: Core, context: number): ReadTaken {
  if (core.role !== 'leader' && core.leader === '') return 'noLeader'
  if (core.reads.full) return 'busy'
  if (core.role === 'leader') takeRead(core, '', context)
  else core.reads.addAsking(context)
  return 'taken'
}

function takeRead(core: Core, from: MemberId | '', context: number): void {
  const { reads, log, planted } = core
  if (planted.has('readUnconfirmed')) answer(core, from, context, log.committed)
  else if (core.hasCommittedInTerm || planted.has('readEarly')) reads.addFresh(from, context, log.committed)
  else reads.addEarly(from, context)
}

function answer(core: Core, from: MemberId | '', context: number, index: number): void {
  if (from === '') {
    core.reads.addDone(context, index)
    return
  }
  const message = core.message('readIndexAnswer', from)
  message.term = 0
  message.context = context
  message.index = index
  core.outbox.send(message)
}

/** Leader: a follower asks for its reads. Too many at a time, or asked of the wrong one: it will ask again. */
export function handleReadIndex(core: Core, message: Message): void {
  if (core.role === 'leader' && !core.reads.full) takeRead(core, message.from, message.context)
}

/** Leader: one round of heartbeats for the reads that came since the last; follower: one question for them. */
export function flushReads(core: Core): void {
  const { reads } = core
  if (core.role === 'leader' && reads.hasFresh) {
    reads.startRound()
    confirmReads(core)
    // Alone it has confirmed itself already.
    if (reads.roundWaited > 0) sendHeartbeats(core)
  } else if (reads.hasAsking) {
    const message = core.message('readIndex', core.leader)
    message.term = 0
    message.context = reads.ask()
    core.outbox.send(message)
  }
}

/** Leader: answers the reads whose round a majority has confirmed. */
export function confirmReads(core: Core): void {
  if (core.reads.roundWaited === 0) return
  for (const { from, context, index } of core.reads.confirm(core.readRoundOfMajority()))
    answer(core, from, context, index)
}
