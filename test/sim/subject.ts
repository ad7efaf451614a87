import type { Disk, Env } from '../../daemons/etcd/member/env.ts'

/** What a member is started with. Whatever else it knows it has from its disk. */
export interface Identity {
  /** Lower-case hex, as everywhere. */
  id: string
  /** The folder that is its own; made, and its name durable. */
  folder: string
  /** Who founds the cluster, itself included; empty for a member that waits to be added. */
  founders: readonly string[]
  /** Whom a member that waits to be added was told of: the others of that moment. */
  peers: readonly string[]
}

/** What surrounds a member beside its `Env`. */
export interface Surroundings {
  /** Sends to another member, perhaps in vain. Never calls back. */
  send(to: string, bytes: Uint8Array): void
  /** The process ends itself: a failed sync, a log that cannot be read, its removal from the cluster. Returns. */
  exit(reason: ExitReason, message: string): void
  /** Called for each entry as it is applied, with the state that it has led to. */
  applied(index: number, stateHash: () => number): void
}

/**
 * Why a process ended itself. `corrupt` is never tried again on the same disk: the member is replaced. `removed` is for
 * ever. After `disk` it is started again.
 */
export type ExitReason = 'disk' | 'corrupt' | 'removed'

/** What a member shows to checkers. All of it costs little: it is asked after every event. */
export interface Inspection {
  readonly term: number
  /** The term that it will find again after a crash; it may lag behind. */
  readonly durableTerm: number
  readonly vote: string
  readonly leading: boolean
  /** The leader of this term as far as known, or ''. */
  readonly leader: string
  readonly commit: number
  readonly applied: number
  /** The first entry that is still there is the one behind this; its index and term. */
  readonly snapshotIndex: number
  readonly snapshotTerm: number
  readonly lastIndex: number
  /** Up to here the member would promise to others that its log is durable. */
  readonly durableIndex: number
  /** Who votes, as far as this member has applied. */
  readonly voters: readonly string[]
  readonly learners: readonly string[]
  /** Term of an entry from the snapshot's to the last. */
  termAt(index: number): number
  /** A number made of all that is in the entry; only for entries behind the snapshot. */
  hashAt(index: number): number
}

/** What a client asks a member for. */
export type Request =
  | { kind: 'get'; key: string }
  | { kind: 'list'; key: string }
  | { kind: 'set'; key: string; value: string }
  | { kind: 'create'; key: string; value: string }
  | { kind: 'update'; key: string; value: string }
  | { kind: 'cas'; key: string; value: string; prevValue: string; prevIndex: number }
  | { kind: 'cad'; key: string; prevValue: string; prevIndex: number }
  | { kind: 'delete'; key: string }
  | { kind: 'append'; key: string; value: string }
  | { kind: 'member-add'; id: string; learner: boolean }
  | { kind: 'member-promote'; id: string }
  | { kind: 'member-remove'; id: string }
  | { kind: 'transfer'; to: string }
  | { kind: 'compact' }

/**
 * What a client is told. `failed` means that nothing has happened and nothing will; `unknown` that it may still happen.
 * `error` is the number of a v2 error.
 */
export type Reply =
  | { kind: 'node'; node: FileNode; previous: FileNode | undefined }
  | { kind: 'entry'; entry: { index: number; value: string } }
  | { kind: 'listing'; entries: readonly { index: number; value: string }[] }
  | { kind: 'error'; error: number }
  | { kind: 'done' }
  | { kind: 'failed' }
  | { kind: 'unknown' }

/** A file of the v2 store: its value, modifiedIndex and createdIndex. Of a deleted one, the index of the deletion. */
export interface FileNode {
  value: string
  index: number
  created: number
}

/** A running member. It ends when its process does: nothing of it is called any more. */
export interface Member {
  receive(from: string, bytes: Uint8Array): void
  /** Answers once, later, or never. */
  request(request: Request, done: (reply: Reply) => void): void
  /** Undefined until it has read its disk. The same object may be given again with other contents. */
  inspect(): Inspection | undefined
}

/** What is simulated: something that makes members. */
export interface Subject {
  readonly name: string
  /** Bugs that can be planted in it. */
  readonly plantable: readonly string[]
  /** Whether it refuses to start when a bit of what it has saved is wrong. Without that none is flipped. */
  readonly detectsFlips: boolean
  /** What kind of message it is, so that one kind can be kept away. */
  kindOf(bytes: Uint8Array): string
  /** Starts a member, also on a disk that has been used. Nothing is called back before it returns. */
  start(env: Env & { readonly disk: Disk }, identity: Identity, around: Surroundings): Member
}

/** What one run asks of its subject. */
export interface SubjectOptions {
  planted: ReadonlySet<string>
  preVote: boolean
  checkQuorum: boolean
  /** Ticks of 100 ms. Few, so that elections meet one another. */
  electionTicks: number
  /** Entries between two snapshots. */
  snapshotEntries: number
  /** Entries that stay behind a snapshot for slow followers. */
  keptEntries: number
  /** Small, so that files end often. */
  segmentBytes: number
  /** Few, so that flow control is felt. */
  appendBytesMax: number
  inflightMessagesMax: number
}

/** Makes the subject of one run. */
export type SubjectMaker = (options: SubjectOptions) => Subject
