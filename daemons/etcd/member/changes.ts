import type { MembershipChange } from '../raft/membership.ts'
import type { MemberId } from '../raft/types.ts'
import { StoreError } from '../store/errors.ts'
import { encodeContext } from './change.ts'
import { memberId } from './identity.ts'
import { refuseAdding, refuseRemoving } from './reconfiguration.ts'
import { peersRecord } from './roster.ts'
import type { RunningMember } from './running.ts'
import { type ChangeRefusal, type ClusterMember, Failure } from './service.ts'

/** Somebody waits until a member is gone. */
interface Leaving {
  id: MemberId
  done: (refusal: ChangeRefusal | undefined) => void
  sinceMs: number
}

/** Adds, removes and moves members (specification §4). */
export class Changes {
  readonly #member: RunningMember
  #leaving: Leaving[] = []
  #isRemoving = false

  constructor(member: RunningMember) {
    this.#member = member
  }

  add(peerUrls: readonly string[], done: (result: ClusterMember | ChangeRefusal) => void): void {
    const member = this.#member
    const nowMs = member.env.wallClock()
    const urls = peerUrls.toSorted()
    const id = memberId(urls, '', Math.floor(nowMs / 1000))
    const refusal = this.#refuseUrls(urls, undefined) ?? this.#refuseId(id) ?? this.#refuseUnready(nowMs)
    if (refusal !== undefined) {
      member.later(0, () => done(refusal))
      return
    }
    this.#propose('addVoter', id, urls, refusal => {
      done(refusal ?? { id, name: '', peerUrls: urls, clientUrls: [], isLearner: false })
    })
  }

  remove(id: MemberId, done: (result: undefined | ChangeRefusal) => void): void {
    const member = this.#member
    const refusal = this.#refuseUnknown(id) ?? this.#refuseLoss(id)
    if (refusal !== undefined) {
      member.later(0, () => done(refusal))
      return
    }
    const { roster } = member.machine
    const waiting = { id, done, sinceMs: member.env.now() }
    if (roster.leaving.has(id)) {
      this.#leaving.push(waiting)
    } else if (roster.find(id)?.isLearner === true || member.options.planted.has('removeAtOnce')) {
      this.#propose('remove', id, [], done)
    } else {
      this.#propose('demote', id, [], refusal => {
        // Somebody else may have been quicker.
        if (refusal !== undefined && !roster.leaving.has(id) && !roster.removed.has(id)) done(refusal)
        else this.#leaving.push(waiting)
        this.look()
      })
    }
  }

  /** The records of the cluster have changed: who waits for a member to be gone is answered. */
  look(): void {
    if (this.#leaving.length === 0) return
    const { removed } = this.#member.machine.roster
    const gone = this.#leaving.filter(({ id }) => removed.has(id))
    this.#leaving = this.#leaving.filter(({ id }) => !removed.has(id))
    for (const { done } of gone) this.#member.later(0, () => done(undefined))
  }

  /** Leader: removes who votes no more and is to go, one after the other, whoever had asked for it. */
  finishRemovals(): void {
    const [id] = this.#member.machine.roster.leaving
    if (id === undefined || this.#isRemoving) return
    this.#isRemoving = true
    this.#propose('remove', id, [], () => {
      this.#isRemoving = false
    })
  }

  /** Gives up what began before then. */
  expire(beforeMs: number): void {
    this.#endBefore(beforeMs, new Failure('timeout', false))
  }

  /** Answers all that wait. */
  end(): void {
    this.#endBefore(Number.POSITIVE_INFINITY, new Failure('stopped', false))
  }

  #endBefore(ms: number, { text }: Failure): void {
    const late = this.#leaving.filter(({ sinceMs }) => sinceMs < ms)
    if (late.length === 0) return
    this.#leaving = this.#leaving.filter(({ sinceMs }) => sinceMs >= ms)
    for (const { done } of late) done({ refused: 'failed', why: text })
  }

  update(id: MemberId, peerUrls: readonly string[], done: (result: undefined | ChangeRefusal) => void): void {
    const member = this.#member
    const urls = peerUrls.toSorted()
    const refusal = this.#refuseUnknown(id) ?? this.#refuseUrls(urls, id)
    if (refusal !== undefined) {
      member.later(0, () => done(refusal))
      return
    }
    member.propose(peersRecord(id, urls, false), result => {
      if (result instanceof Failure) done({ refused: 'failed', why: result.text })
      else if (result instanceof StoreError) done({ refused: 'idNotFound', why: `there is no member ${id}` })
      else done(undefined)
    })
  }

  #propose(
    kind: MembershipChange['kind'],
    id: MemberId,
    peerUrls: readonly string[],
    done: (refusal: ChangeRefusal | undefined) => void,
  ): void {
    const make = (session: number, sequence: number): MembershipChange => {
      return { kind, member: id, context: encodeContext({ session, sequence, peerUrls }) }
    }
    this.#member.proposer.proposeChange(make, (result, refusal) => {
      if (result instanceof Failure) done({ refused: 'failed', why: result.text })
      else if (refusal === undefined) done(undefined)
      else done({ refused: kind === 'addVoter' ? 'idExists' : 'idNotFound', why: refusal })
    })
  }

  #refuseUrls(urls: readonly string[], except: MemberId | undefined): ChangeRefusal | undefined {
    const owner = this.#member
      .members()
      .find(({ id, peerUrls }) => id !== except && peerUrls.some(url => urls.includes(url)))
    return owner === undefined
      ? undefined
      : { refused: 'peerUrlExists', why: `member ${owner.id} has this peer URL` }
  }

  #refuseId(id: MemberId): ChangeRefusal | undefined {
    const { roster } = this.#member.machine
    if (roster.removed.has(id)) return { refused: 'idRemoved', why: `member ${id} was removed` }
    if (roster.find(id) !== undefined) return { refused: 'idExists', why: `there is a member ${id}` }
    return undefined
  }

  #refuseUnknown(id: MemberId): ChangeRefusal | undefined {
    const { roster } = this.#member.machine
    if (roster.removed.has(id)) return { refused: 'idRemoved', why: `member ${id} was removed` }
    if (roster.find(id) === undefined) return { refused: 'idNotFound', why: `there is no member ${id}` }
    return undefined
  }

  #refuseUnready(nowMs: number): ChangeRefusal | undefined {
    const member = this.#member
    const noLeader = this.#refuseLeaderless()
    if (noLeader !== undefined || !member.options.strictReconfig) return noLeader
    return this.#unhealthy(
      'adding a member',
      refuseAdding(member.id, member.members(), this.#connected(), nowMs),
    )
  }

  #refuseLoss(id: MemberId): ChangeRefusal | undefined {
    const member = this.#member
    const noLeader = this.#refuseLeaderless()
    if (noLeader !== undefined || !member.options.strictReconfig) return noLeader
    const nowMs = member.env.wallClock()
    const why = refuseRemoving(member.id, id, member.members(), this.#connected(), nowMs)
    return this.#unhealthy(`removing member ${id}`, why)
  }

  #refuseLeaderless(): ChangeRefusal | undefined {
    return this.#member.leader === '' ? { refused: 'failed', why: 'no member leads' } : undefined
  }

  #connected(): Map<MemberId, number> {
    return new Map(this.#member.peers().map(({ id, activeSinceMs }) => [id, activeSinceMs]))
  }

  /** The answer has no place for the reason, so the log tells it. */
  #unhealthy(what: string, why: string | undefined): ChangeRefusal | undefined {
    if (why === undefined) return undefined
    this.#member.options.log(`rejecting ${what}: ${why}; --strict-reconfig-check=false would allow it`)
    return { refused: 'unhealthy', why }
  }
}
