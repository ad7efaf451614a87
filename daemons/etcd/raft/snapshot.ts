import { invariant } from './assert.ts'
import type { Core } from './core.ts'
import type { Message } from './message.ts'
import type { Progress } from './progress.ts'
import type { MemberId, Snapshot } from './types.ts'

/** Leader: the follower needs entries that are forgotten, so it gets the snapshot that replaced them. */
export function sendSnapshot(core: Core, progress: Progress): void {
  // It is large: not to somebody who has not been heard of late.
  if (!progress.active) return
  const { snapshot } = core
  invariant(
    snapshot !== undefined && snapshot.meta.index >= core.log.first - 1,
    `the log starts at ${core.log.first} and no snapshot holds what came before`,
  )
  const message = core.message('snapshot', progress.id)
  message.snapshot = snapshot
  progress.becomeSnapshot(snapshot.meta.index)
  progress.wanted = false
  core.outbox.send(message)
}

/** Follower: installs the snapshot if it holds more than the log; says how far the logs agree then. */
export function handleSnapshot(core: Core, message: Message): void {
  const { log } = core
  const { snapshot } = message
  const answer = core.message('appendAnswer', message.from)
  if (snapshot !== undefined && isWanted(core, snapshot)) {
    log.install(snapshot, core.planted.has('snapshotKeepsTail'))
    core.setConfiguration(snapshot.meta.configuration)
    core.snapshot = { meta: snapshot.meta, data: new Uint8Array(0) }
  }
  answer.index = log.committed
  core.outbox.promise(answer)
}

/** Whether it holds more than is committed here. This member may be missing in it: it was added later. */
function isWanted(core: Core, { meta }: Snapshot): boolean {
  const { log } = core
  if (meta.index <= log.committed) return false
  if (log.matches(meta.index, meta.term) && !core.planted.has('snapshotKeepsTail')) {
    // The log holds all of it; what follows is kept (paper, figure 13, step 6).
    log.commit(meta.index)
    return false
  }
  return true
}

/** Leader, from the host: the snapshot reached the follower, or did not. */
export function reportSnapshot(core: Core, id: MemberId, received: boolean): void {
  const progress = core.progress.get(id)
  if (core.role !== 'leader' || progress?.state !== 'snapshot') return
  if (!received) progress.snapshotIndex = 0
  progress.becomeProbe()
  // The follower's answer or its next heartbeat's says when to go on: at once it would ask for the same again.
  progress.probing = true
  core.appendsDue = true
}

/** Leader, from the host: messages to this member are being lost. What is under way is not waited for. */
export function reportUnreachable(core: Core, id: MemberId): void {
  const progress = core.progress.get(id)
  if (core.role !== 'leader' || progress?.state !== 'replicate') return
  progress.becomeProbe()
  core.appendsDue = true
}
