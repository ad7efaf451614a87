import { encodeContext } from '../../../daemons/etcd/member/change.ts'
import type { Disk, DiskError, Env } from '../../../daemons/etcd/member/env.ts'
import { startMember } from '../../../daemons/etcd/member/member.ts'
import type { Network } from '../../../daemons/etcd/member/network.ts'
import type { Probe } from '../../../daemons/etcd/member/options.ts'
import type { WriteResult } from '../../../daemons/etcd/member/proposals.ts'
import type { RunningMember } from '../../../daemons/etcd/member/running.ts'
import { Failure, type MemberService } from '../../../daemons/etcd/member/service.ts'
import { decodeMessage, encodeMessage } from '../../../daemons/etcd/raft/codec.ts'
import type { ChangeKind } from '../../../daemons/etcd/raft/membership.ts'
import { isAnswer, type Message } from '../../../daemons/etcd/raft/message.ts'
import type { HardState } from '../../../daemons/etcd/raft/types.ts'
import { StoreError } from '../../../daemons/etcd/store/errors.ts'
import type { Event } from '../../../daemons/etcd/store/event.ts'
import { hashState } from '../../../daemons/etcd/store/hash.ts'
import type { Operation } from '../../../daemons/etcd/store/operation.ts'
import type { Store } from '../../../daemons/etcd/store/store.ts'
import { Mirror, type Write } from '../raft/mirror.ts'
import type {
  Identity,
  Inspection,
  Member,
  Reply,
  Request,
  SubjectOptions,
  Surroundings,
} from '../subject.ts'
import { mix } from '../world/random.ts'

/** The whole state is looked at after each so many entries: that takes long. */
const HASHED_ENTRIES = 32
/** What says that a disk must not be used again. */
const UNUSABLE = new Set(['ECORRUPT', 'EMARK', 'EVERSION'])

type Changeable<T> = { -readonly [Name in keyof T]: T[Name] }

/** The real member between the simulator's world and its clients. */
export class MemberHost implements Member {
  readonly #env: Env & { readonly disk: Disk }
  readonly #identity: Identity
  readonly #around: Surroundings
  /** Who has spoken to it. */
  readonly #callers = new Set<string>()
  #member: RunningMember | undefined
  #mirror = new Mirror(undefined, [])
  #durableTerm = 0
  #seen: Changeable<Inspection> | undefined

  constructor(
    env: Env & { readonly disk: Disk },
    identity: Identity,
    around: Surroundings,
    options: SubjectOptions,
  ) {
    this.#env = env
    this.#identity = identity
    this.#around = around
    const { id, folder, founders, peers } = identity
    const { preVote, checkQuorum, appendBytesMax, inflightMessagesMax, segmentBytes } = options
    const own = {
      id,
      clusterId: 'c1',
      name: id,
      walFolder: `${folder}/wal`,
      snapFolder: `${folder}/snap`,
      founders: founders.map(id => ({ id, name: id, peerUrls: [`http://${id}`] })),
      peers: new Map(peers.map(id => [id, [`http://${id}`]])),
      clientUrls: [`http://${id}`],
      log: () => {},
      onExit: (reason: 'disk' | 'corrupt' | 'removed', message: string) => around.exit(reason, message),
      electionTicks: options.electionTicks,
      snapshotCount: options.snapshotEntries,
      snapshotCatchUp: options.keptEntries,
      snapshotsRetained: 2,
      settings: { preVote, checkQuorum, appendBytesMax, inflightMessagesMax },
      logOptions: { segmentBytesFirst: segmentBytes, segmentBytesMax: 2 * segmentBytes },
      planted: options.planted,
      probe: this.#probe(),
    }
    const begun = (member: unknown): Network => {
      this.#member = member as RunningMember
      return this.#network()
    }
    startMember(own, env, begun, error => {
      if (error !== undefined) this.#failed(error)
    })
  }

  /** What the public API of the server would be served by; undefined until the member has read its disk. */
  get service(): MemberService | undefined {
    return this.#member
  }

  receive(from: string, bytes: Uint8Array): void {
    const message = decodeMessage(bytes)
    const member = this.#member
    if (member === undefined || message.to !== this.#identity.id) return
    this.#callers.add(from)
    if (message.snapshot === undefined) {
      member.received(message)
      return
    }
    const { meta, data } = message.snapshot
    const sink = member.snapshotOffered(message, meta)
    // In two pieces, as no network keeps to the sender's.
    const half = data.length >> 1
    sink?.chunk(data.subarray(0, half))
    sink?.chunk(data.subarray(half))
    sink?.done(() => {})
  }

  request(request: Request, done: (reply: Reply) => void): void {
    const member = this.#member
    if (member === undefined) done({ kind: 'failed' })
    else this.#take(member, request, done)
  }

  inspect(): Inspection | undefined {
    const seen = this.#seen
    if (seen === undefined) return undefined
    const mirror = this.#mirror
    seen.durableTerm = this.#durableTerm
    seen.snapshotIndex = mirror.snapshotIndex
    seen.snapshotTerm = mirror.snapshotTerm
    seen.lastIndex = mirror.lastIndex
    seen.durableIndex = mirror.durableIndex
    return seen
  }

  /**
   * What the core says at the end of a turn. Between turns it is ahead of what it has given out: it knows entries that
   * no log was told of, and leads by them.
   */
  #look(): void {
    const { raft } = this.#member!
    const mirror = this.#mirror
    const commit = mirror.commitAt(raft.committedIndex, index => raft.termOf(index))
    this.#seen = {
      term: raft.term,
      durableTerm: this.#durableTerm,
      vote: raft.vote,
      leading: raft.role === 'leader',
      leader: raft.leader,
      commit,
      // A snapshot that was not given out yet counts as applied in the core, and is not.
      applied: Math.min(raft.appliedIndex, commit),
      snapshotIndex: mirror.snapshotIndex,
      snapshotTerm: mirror.snapshotTerm,
      lastIndex: mirror.lastIndex,
      durableIndex: mirror.durableIndex,
      voters: raft.configuration.voters,
      learners: raft.configuration.learners,
      termAt: index => this.#mirror.termAt(index),
      hashAt: index => this.#mirror.hashAt(index),
    }
  }

  #failed({ code, message }: DiskError): void {
    this.#around.exit(UNUSABLE.has(code) ? 'corrupt' : 'disk', `${code}: ${message}`)
  }

  #probe(): Probe {
    return {
      opened: (hardState, meta, entries) => {
        this.#mirror = new Mirror(meta, entries)
        this.#durableTerm = hardState.term
      },
      saving: (meta, entries) => this.#mirror.save(meta, entries),
      durable: (hardState: HardState | undefined, saved: unknown) => {
        if (hardState !== undefined) this.#durableTerm = hardState.term
        this.#mirror.durable(saved as Write)
      },
      compacted: index => this.#mirror.compact(index),
      turned: () => this.#look(),
      applied: index => this.#around.applied(index, () => hashAt(index, this.#member!.store)),
    }
  }

  /** As the real one, it reaches only those of whom the member has told it, and answers whoever spoke to it. */
  #network(): Network {
    let peers: ReadonlyMap<string, unknown> = new Map()
    return {
      send: message => {
        const { to, type } = message
        if (peers.has(to) || (isAnswer(type) && this.#callers.has(to)))
          this.#around.send(to, encodeMessage(message))
      },
      sendSnapshot: (message, chunks, done) => {
        if (!peers.has(message.to)) {
          this.#env.setTimer(0, () => done(false))
          return
        }
        const pieces: Uint8Array[] = []
        for (let next = chunks.next(); next.done !== true; next = chunks.next()) pieces.push(next.value)
        const snapshot = { meta: message.snapshot!.meta, data: Buffer.concat(pieces) }
        const whole: Message = { ...message, snapshot }
        this.#around.send(message.to, encodeMessage(whole))
        this.#env.setTimer(0, () => done(true))
      },
      setPeers: others => {
        peers = others
      },
      statistics: () => [],
    }
  }

  #take(member: RunningMember, request: Request, done: (reply: Reply) => void): void {
    switch (request.kind) {
      case 'get':
      case 'list':
        member.readBarrier(failure => {
          if (failure !== undefined) done({ kind: 'failed' })
          else done(request.kind === 'get' ? get(member.store, request.key) : list(member.store, request.key))
        })
        return
      case 'transfer':
        member.transferLeadership(request.to, () => {})
        done({ kind: 'done' })
        return
      case 'compact':
        member.takeSnapshot()
        done({ kind: 'done' })
        return
      case 'member-add':
        change(member, request.learner ? 'addLearner' : 'addVoter', request.id, done)
        return
      case 'member-promote':
        change(member, 'promote', request.id, done)
        return
      case 'member-remove':
        member.removeMember(request.id, refusal => {
          done({ kind: refusal === undefined ? 'done' : 'unknown' })
        })
        return
      default:
        member.write(operationOf(request), result => done(replyOf(request, result)))
    }
  }
}

/** Past the checks of `addMember`: the simulator chooses ids, and dares more. */
function change(member: RunningMember, kind: ChangeKind, id: string, done: (reply: Reply) => void): void {
  member.proposer.proposeChange(
    (session, sequence) => {
      const context = encodeContext({ session, sequence, peerUrls: [`http://${id}`] })
      return { kind, member: id, context }
    },
    (result, refusal) => {
      if (result instanceof Failure) done({ kind: result.isFinal ? 'failed' : 'unknown' })
      else done({ kind: refusal === undefined ? 'done' : 'failed' })
    },
  )
}

type Writing = Exclude<Request, { kind: 'get' | 'list' | 'transfer' | 'compact' } | { id: string }>

function operationOf(request: Writing): Operation {
  const path = `/1${request.key}`
  const expiresAtMs = 0
  switch (request.kind) {
    case 'set':
      return { type: 'set', path, dir: false, value: request.value, expiresAtMs, refresh: false }
    case 'create':
      return { type: 'create', path, dir: false, value: request.value, expiresAtMs, unique: false }
    case 'append':
      return { type: 'create', path, dir: false, value: request.value, expiresAtMs, unique: true }
    case 'update':
      return { type: 'update', path, value: request.value, expiresAtMs, refresh: false }
    case 'cas': {
      const { value, prevValue, prevIndex } = request
      return { type: 'compareAndSwap', path, value, expiresAtMs, refresh: false, prevValue, prevIndex }
    }
    case 'cad': {
      const { prevValue, prevIndex } = request
      return { type: 'compareAndDelete', path, prevValue, prevIndex }
    }
    case 'delete':
      return { type: 'delete', path, dir: false, recursive: false }
  }
}

function replyOf(request: Writing, result: WriteResult): Reply {
  if (result instanceof Failure) return { kind: result.isFinal ? 'failed' : 'unknown' }
  if (result instanceof StoreError) return { kind: 'error', error: result.code }
  const { index, node, prevNode } = result as Event
  if (request.kind === 'append') return { kind: 'entry', entry: { index, value: request.value } }
  const previous =
    prevNode === undefined
      ? undefined
      : { value: prevNode.value!, index: prevNode.modifiedIndex, created: prevNode.createdIndex }
  // Of what is gone the event has no value; what it had is meant.
  const value = node.value ?? prevNode!.value!
  return { kind: 'node', node: { value, index: node.modifiedIndex, created: node.createdIndex }, previous }
}

function get(store: Store, key: string): Reply {
  const node = store.read(`/1${key}`)
  if (node instanceof StoreError) return { kind: 'error', error: node.code }
  const { value, modifiedIndex, createdIndex } = node
  return {
    kind: 'node',
    node: { value: value!, index: modifiedIndex, created: createdIndex },
    previous: undefined,
  }
}

function list(store: Store, key: string): Reply {
  const node = store.read(`/1${key}`)
  if (node instanceof StoreError) return { kind: 'listing', entries: [] }
  const entries = [...node.children!.values()].map(({ value, createdIndex }) => {
    return { index: createdIndex, value: value! }
  })
  return { kind: 'listing', entries: entries.toSorted((a, b) => a.index - b.index) }
}

function hashAt(index: number, store: Store): number {
  const hash = mix(store.index, store.expiring)
  return index % HASHED_ENTRIES === 0
    ? mix(hash, Number.parseInt(hashState(store.state).slice(0, 8), 16))
    : hash
}
