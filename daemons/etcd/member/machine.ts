import type { MembershipChange } from '../raft/membership.ts'
import type { Configuration, Entry, MemberId } from '../raft/types.ts'
import { decodeCommand } from '../store/codec.ts'
import type { StoreError } from '../store/errors.ts'
import type { Event } from '../store/event.ts'
import type { Operation } from '../store/operation.ts'
import { Store } from '../store/store.ts'
import { decodeContext } from './change.ts'
import { type Contents, ContentsWriter } from './contents.ts'
import type { PlantedMemberBug } from './planted.ts'
import { isRecord, leavingRecord, peersRecord, Roster, removalRecords, stayingRecord } from './roster.ts'
import { Sessions } from './sessions.ts'

/** What a change of members needs beyond the records: the core that takes it up. */
export type TakeUp = (change: MembershipChange) => string | undefined

/** Whose command an entry was, and what it led to. One object for all: it is looked at before the next entry. */
export interface Applied {
  /** 0 when nobody waits, or when it was applied before. */
  session: number
  sequence: number
  result: Event | StoreError | undefined
  /** Of a change of members: why it changed nothing. */
  refusal: string | undefined
  /** It was the leader's sync. */
  isSync: boolean
  /** The member that is no member any more, or ''. */
  removed: MemberId | ''
}

/**
 * All that the log builds: store, sessions, and who belongs to the cluster. Pure: the same entries lead to the same on
 * every member.
 */
export class StateMachine {
  readonly store = new Store()
  readonly roster = new Roster()
  /** The records of the cluster have changed since somebody last looked. */
  rosterChanged = true
  #sessions = new Sessions()
  readonly #planted: ReadonlySet<PlantedMemberBug>
  readonly #applied: Applied = {
    session: 0,
    sequence: 0,
    result: undefined,
    refusal: undefined,
    isSync: false,
    removed: '',
  }

  constructor(planted: ReadonlySet<PlantedMemberBug>) {
    this.#planted = planted
  }

  /** @throws UserError for a command of a version that is not known here */
  apply(entry: Entry): Applied {
    const applied = this.#applied
    const command = decodeCommand(entry.data)
    const { session, sequence, operation } = command
    applied.session = 0
    applied.sequence = sequence
    applied.result = undefined
    applied.refusal = undefined
    applied.isSync = operation.type === 'sync'
    applied.removed = ''
    if (session !== 0) {
      const isNew = this.#sessions.count(session, sequence, entry.index)
      if (!isNew && !this.#planted.has('countTwice')) return applied
    }
    applied.session = session
    applied.result = this.#change(operation)
    return applied
  }

  /**
   * A change of members as it is applied. Its refusals are the same on every member.
   *
   * @throws UserError for a change of a version that is not known here
   */
  applyChange(entry: Entry, change: MembershipChange, takeUp: TakeUp): Applied {
    const applied = this.#applied
    const { session, sequence, peerUrls } = decodeContext(change.context)
    const { member, kind } = change
    applied.session = 0
    applied.sequence = sequence
    applied.result = undefined
    applied.refusal = undefined
    applied.isSync = false
    applied.removed = ''
    if (session !== 0 && !this.#sessions.count(session, sequence, entry.index)) return applied
    applied.session = session
    this.rosterChanged = true
    if (this.#wasRemoved(member)) {
      applied.refusal = `member ${member} was removed before`
      return applied
    }
    applied.refusal = takeUp(change)
    if (applied.refusal !== undefined) return applied
    if (kind === 'remove') {
      for (const record of removalRecords(member)) this.store.apply(record)
      applied.removed = member
    } else if (kind === 'demote') {
      this.store.apply(leavingRecord(member))
    } else if (kind === 'promote') {
      this.store.apply(stayingRecord(member))
    } else {
      this.store.apply(peersRecord(member, peerUrls, true))
    }
    return applied
  }

  /** Whether a command was applied. */
  wasApplied(session: number, sequence: number): boolean {
    return this.#sessions.has(session, sequence)
  }

  /** Reads the records anew when they have changed; whether they had. */
  refreshRoster(configuration: Configuration): boolean {
    if (!this.rosterChanged) return false
    this.rosterChanged = false
    this.roster.read(this.store, configuration)
    return true
  }

  /** The state of this moment, in chunks. */
  save(): ContentsWriter {
    const isPlanted = this.#planted.has('sessionsUnsaved')
    return new ContentsWriter(isPlanted ? new Sessions() : this.#sessions, this.store)
  }

  /** Takes over another state. */
  restore({ sessions, store }: Contents): void {
    this.#sessions = sessions
    this.store.restore(store)
    this.rosterChanged = true
  }

  #wasRemoved(id: MemberId): boolean {
    return this.store.state.tree.find(`/0/removed_members/${id}`) !== undefined
  }

  #change(operation: Operation): Event | StoreError | undefined {
    if (operation.type === 'sync') {
      this.store.apply(operation)
      return undefined
    }
    if (isRecord(operation.path)) this.rosterChanged = true
    return this.store.apply(operation)
  }
}
