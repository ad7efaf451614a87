import { ByteReader, ByteWriter, FormatError } from './bytes.ts'
import type { Core } from './core.ts'
import { confirmReads } from './read.ts'
import { advanceCommit } from './replication.ts'
import { becomeFollower } from './roles.ts'
import type { Configuration, Entry, HardState, MemberId } from './types.ts'

/** One step from a configuration to the next. Steps of one member keep the majorities of both sharing a voter. */
export type ChangeKind = 'addVoter' | 'addLearner' | 'promote' | 'remove'

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
    if (change.kind === 'remove' && change.member === core.leader) becomeFollower(core, core.term, '')
    return undefined
  }
  const own = core.progress.get(core.id)
  if (own?.voter !== true) {
    // It has led up to its own end (paper, section 6); the others have been told of the commit.
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
const KINDS: readonly ChangeKind[] = ['addVoter', 'addLearner', 'promote', 'remove']

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
