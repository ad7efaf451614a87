import { ByteReader, ByteWriter, FormatError } from './bytes.ts'
import type { Core } from './core.ts'
import { confirmReads } from './read.ts'
import { advanceCommit } from './replication.ts'
import { becomeFollower } from './roles.ts'
import type { Configuration, Entry, HardState, MemberId } from './types.ts'

/**
 * One step from a configuration to the next. Steps of one member keep the majorities of both sharing a voter.
 *
 * A change takes effect when it is applied. So a voter that fell before it heard of the commit counts by the old
 * configuration, and may need the vote of who is no voter any more. Therefore a voter that is to go is made a learner
 * first (`demote`) and goes (`remove`) when that is applied; both steps are the host's to propose, duty 16. Why nobody
 * is needed any more when it goes: the leader proposes the second step only after it has applied the first one, so
 * every message with the second tells of the first one's commit, and whoever has the second durably has that commit
 * durably too. Once the second is committed, a majority of the voters knows the new configuration for good, and among
 * any majority of them who has the best log is one of these, and wins by the votes of those that are left. Until then
 * the learner is there, votes when it is asked, and tells who asks it of the commit (`learnCommit` in `election.ts`).
 */
export type ChangeKind = 'addVoter' | 'addLearner' | 'promote' | 'remove' | 'demote'

/** A change of members as it stands in the log. */
export interface MembershipChange {
  kind: ChangeKind
  member: MemberId
  /** For the host: addresses and whatever else it keeps of a member. */
  context: Uint8Array
}

/** What a change makes of a configuration; a sentence when it cannot be made. */
export function nextConfiguration(now: Configuration, change: MembershipChange): Configuration | string {
  const { kind, member } = change
  const isVoter = now.voters.includes(member)
  const isLearner = now.learners.includes(member)
  const voters = now.voters.filter(id => id !== member)
  const learners = now.learners.filter(id => id !== member)
  switch (kind) {
    case 'addVoter':
    case 'addLearner':
      if (isVoter || isLearner) return `${member} is a member already`
      return kind === 'addVoter'
        ? { voters: [...voters, member], learners }
        : { voters, learners: [...learners, member] }
    case 'promote':
      if (!isLearner) return `${member} is no learner`
      return { voters: [...voters, member], learners }
    case 'remove':
      if (!isVoter && !isLearner) return `${member} is no member`
      if (voters.length === 0) return `${member} is the last voter`
      return { voters, learners }
    case 'demote':
      if (!isVoter) return `${member} is no voter`
      if (voters.length === 0) return `${member} is the last voter`
      return { voters, learners: [...learners, member] }
  }
}

/**
 * Takes up a committed change, on every member when it applies the entry. A change that cannot be made changes
 * nothing, on any member; the answer says why.
 */
export function applyConfiguration(core: Core, change: MembershipChange): string | undefined {
  const next = nextConfiguration(core.configuration, change)
  if (typeof next === 'string') return next
  core.setConfiguration(next)
  if (core.role !== 'leader') {
    // A leader that is none any more needs no protection from an election.
    const leaves = change.kind === 'remove' || change.kind === 'demote'
    if (leaves && change.member === core.leader) becomeFollower(core, core.term, '')
    return undefined
  }
  const own = core.progress.get(core.id)
  if (own?.voter !== true) {
    // It has led up to its own end (paper, section 6); the others have been told of the commit.
    nameSuccessor(core)
    becomeFollower(core, core.term, '')
    return undefined
  }
  if (core.progress.get(core.transferee)?.voter !== true) core.transferee = ''
  // A smaller majority may hold more.
  advanceCommit(core)
  confirmReads(core)
  core.appendsDue = true
  return undefined
}

/** Spares the cluster an election timeout, where somebody has all that there is. */
function nameSuccessor(core: Core): void {
  const { voters, log, outbox } = core
  const successor = voters.find(({ active, match }) => active && match === log.last)
  if (successor !== undefined) outbox.send(core.message('timeoutNow', successor.id))
}

/** A founding member: `member` and the host's `context` of it. */
export type Founder = Pick<MembershipChange, 'member' | 'context'>

/**
 * What every founding member of a cluster starts with, and has made durable before: a log that adds all of them, as if
 * a leader of term 1 had committed it. Thus who joins later and gets the log from its start finds them there.
 *
 * @param founders in the same order on every member
 */
export function foundingLog(founders: readonly Founder[]): { hardState: HardState; entries: Entry[] } {
  const entries = founders.map(({ member, context }, at): Entry => {
    return {
      term: 1,
      index: at + 1,
      type: 'config',
      data: encodeChange({ kind: 'addVoter', member, context }),
    }
  })
  return { hardState: { term: 1, vote: '', commit: entries.length }, entries }
}

const VERSION = 1
/** Place + 1 is the tag in the log: never reorder, only add at the end. */
const KINDS: readonly ChangeKind[] = ['addVoter', 'addLearner', 'promote', 'remove', 'demote']

/** The data of a `config` entry: version, kind, member, length and bytes of the context. */
export function encodeChange(change: MembershipChange): Uint8Array {
  const writer = new ByteWriter(24 + change.context.length)
  writer.byte(VERSION)
  writer.byte(KINDS.indexOf(change.kind) + 1)
  writer.id(change.member)
  writer.block(change.context)
  return writer.done()
}

/** @throws FormatError when the bytes are not what `encodeChange` makes */
export function decodeChange(bytes: Uint8Array): MembershipChange {
  const reader = new ByteReader(bytes, 'change of members')
  const version = reader.byte()
  if (version !== VERSION) throw new FormatError(`Cannot read a change of members of version ${version}`)
  const tag = reader.byte()
  const kind = KINDS[tag - 1]
  if (kind === undefined) throw new FormatError(`Cannot read a change of members: no kind ${tag}`)
  const member = reader.member()
  const context = reader.block()
  reader.end()
  return { kind, member, context }
}
