import type { DiskError, Env } from './env.ts'
import type { Network, NetworkEvents } from './network.ts'
import { type MemberOptions, withDefaults } from './options.ts'
import { recover } from './recovery.ts'
import { RunningMember } from './running.ts'
import type { MemberService } from './service.ts'

/** A running member: what others may ask of it, what the network tells it, and its end. */
export interface Member extends MemberService, NetworkEvents {
  /** Calls back once when somebody leads, and its own record and the cluster's version are agreed on: clients may come. */
  whenPublished(done: () => void): void
  /**
   * Ends it: takes no new work, hands leadership over within an election timeout if it leads, answers what waits, and
   * closes the log.
   */
  stop(done: () => void): void
}

/**
 * Reads the disk and starts a member. Nothing is called back before it returns.
 *
 * @param makeNetwork called when it is known who the member is, before it speaks
 * @param done with an error as `recover` has it, or the member that runs
 */
export function startMember(
  options: MemberOptions,
  env: Env,
  makeNetwork: (member: Member) => Network,
  done: (error: DiskError | undefined, member: Member | undefined) => void,
): void {
  const full = withDefaults(options)
  let onSpace = (_isLow: boolean): void => {}
  const logOptions = { ...full.logOptions, onSpace: (isLow: boolean) => onSpace(isLow) }
  recover(env.disk, { ...full, logOptions, note: full.log }, (error, recovered) => {
    if (error !== undefined) {
      done(error, undefined)
      return
    }
    const member = new RunningMember(full, env, recovered)
    onSpace = isLow =>
      full.log(isLow ? 'no space left: writes are refused, reads go on' : 'there is space again')
    member.begin(makeNetwork(member))
    done(undefined, member)
  })
}
