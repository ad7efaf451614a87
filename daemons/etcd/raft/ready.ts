import type { Core } from './core.ts'
import type { Message } from './message.ts'
import { flushForwards } from './proposal.ts'
import { flushReads } from './read.ts'
import type { ReadState } from './reads.ts'
import { countOwn, flushAppends } from './replication.ts'
import { step } from './step.ts'
import type { Entry, HardState, Snapshot } from './types.ts'

/** What the host has to do now. The duties are numbered in `raft.ts`. */
export interface Ready {
  /** To be reported to `persisted` when all of this `Ready` that is to be saved is durable; 0: nothing to report. */
  write: number
  /** To be saved; undefined when it has not changed. */
  hardState: HardState | undefined
  /** To be saved in place of the whole log, and to be restored from. */
  snapshot: Snapshot | undefined
  /** To be saved, in place of everything from the index of the first one on. */
  entries: readonly Entry[]
  /** To be sent; it need not wait for anything else of this `Ready`. */
  messages: readonly Message[]
  /** To be applied, in order. */
  committed: readonly Entry[]
  /** Reads that got their index. */
  readStates: readonly ReadState[]
  /** Whether what is to be saved must be synced. When only the commit has changed it need not be. */
  mustSync: boolean
}

/** The hard state that the host has been given last; decides what is news. */
export interface Given {
  hardState: HardState
}

/** Whether `takeReady` has anything to say. */
export function hasReady(core: Core, given: Given): boolean {
  const { log, outbox, reads } = core
  if (
    core.role === 'leader' ? core.appendsDue || reads.hasFresh : core.forwards.length > 0 || reads.hasAsking
  )
    return true
  if (outbox.hasMessages || reads.hasDone || log.hasToApply) return true
  if (outbox.hasPromises && log.writing === 0) return true
  if (!mayWrite(core)) return false
  return log.hasToWrite || mustSave(core, given) || given.hardState.commit !== log.committed
}

/** All that is to be done since the last time. */
export function takeReady(core: Core, given: Given): Ready {
  flush(core)
  const { log, outbox, reads } = core
  let write = 0
  let hardState: HardState | undefined
  let snapshot: Snapshot | undefined
  let entries: readonly Entry[] = NO_ENTRIES
  if (mayWrite(core)) {
    const mustSync = log.hasToWrite || mustSave(core, given)
    if (mustSync || given.hardState.commit !== log.committed) {
      hardState = core.hardState()
      given.hardState = hardState
    }
    if (mustSync) {
      snapshot = log.takeSnapshot()
      entries = log.takeEntries()
      write = log.startWrite()
    }
    if (log.writing > 0) outbox.holdFor(log.latestWrite)
    else for (const message of outbox.takePromises()) keepPromise(core, message)
  }
  const committed = log.nextToApply(core.settings.applyBytesMax)
  return {
    write,
    hardState,
    snapshot,
    entries,
    messages: outbox.takeMessages(),
    committed,
    readStates: reads.takeDone(),
    mustSync: write > 0,
  }
}

/** All writes up to this one are durable: promises go out, the leader counts its own copy. */
export function finishWrites(core: Core, write: number): void {
  core.log.finishWrites(write)
  if (core.role === 'leader') countOwn(core, core.log.stable)
  for (const message of core.outbox.release(write)) keepPromise(core, message)
}

/** What was promised holds now. A candidate promises its own vote to itself. */
function keepPromise(core: Core, message: Message): void {
  if (message.to === core.id) step(core, message)
  else core.outbox.send(message)
}

/** What came together since the last `ready` goes out together. */
function flush(core: Core): void {
  flushReads(core)
  if (core.role === 'leader') {
    if (core.appendsDue) flushAppends(core)
  } else if (core.forwards.length > 0) {
    flushForwards(core)
  }
}

function mayWrite(core: Core): boolean {
  return core.log.writing < core.settings.writesInFlightMax
}

/** Whether term or vote are not saved. */
function mustSave(core: Core, given: Given): boolean {
  if (given.hardState.term !== core.term) return true
  return given.hardState.vote !== core.vote && !core.planted.has('voteUnsaved')
}

const NO_ENTRIES: readonly Entry[] = []
