import type { Core } from './core.ts'
import type { Progress } from './progress.ts'
import type { MemberId } from './types.ts'

/** Marks a vote that the leader itself has asked for: nobody need protect it. */
export const TRANSFER = 1

/** What became of the wish to hand over leadership. */
export type Transfer = 'started' | 'notLeader' | 'notVoter' | 'alreadyLeader'

/**
 * Leader: hands over to another voter (thesis, 3.10): brings its log up to date, takes no proposals meanwhile, and has
 * it campaign at once. Given up after an election timeout.
 */
export function transfer(core: Core, to: MemberId): Transfer {
  if (core.role !== 'leader') return 'notLeader'
  if (to === core.id) return 'alreadyLeader'
  const progress = core.progress.get(to)
  if (progress?.voter !== true) return 'notVoter'
  if (core.transferee === to) return 'started'
  core.transferee = to
  core.electionElapsed = 0
  progress.wanted = true
  core.appendsDue = true
  continueTransfer(core, progress)
  return 'started'
}

/** Leader: the member that is to take over has all entries now, so it may campaign. */
export function continueTransfer(core: Core, progress: Progress): void {
  if (core.transferee !== progress.id || progress.match !== core.log.last) return
  core.outbox.send(core.message('timeoutNow', progress.id))
}
