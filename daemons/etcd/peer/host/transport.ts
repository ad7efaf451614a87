import assert from 'node:assert'
import type { Upgraded } from '#lib/http/response.ts'
import type { Network, NetworkEvents, SnapshotSink } from '../../member/network.ts'
import type { PeerStatistics } from '../../member/service.ts'
import { isAnswer, type Message } from '../../raft/message.ts'
import type { MemberId } from '../../raft/types.ts'
import type { OwnGreeting } from '../handshake.ts'
import type { PeerTls } from '../tls.ts'
import { Channel } from './channel.ts'
import { Inbound } from './inbound.ts'
import type { ConnectionOwner, PeerEnv } from './owner.ts'
import { SnapshotReceiver } from './snapshot-receiver.ts'
import { SnapshotSender } from './snapshot-sender.ts'

/** Members that speak to us at once, of those we know and those we do not know yet. */
const INBOUND_MAX = 64

/** What a transport is made of. */
export interface TransportOptions {
  id: MemberId
  clusterId: string
  /** Of this program, for the logs of others. */
  version: string
  env: PeerEnv
  /** For peer URLs of https. */
  tls?: PeerTls | undefined
  /** One line for the operator. */
  log(line: string): void
  /** Each measured round trip to a peer, in milliseconds; for `metrics`. */
  onRoundTrip?: ((id: MemberId, ms: number) => void) | undefined
}

/**
 * The members' network over connections of their own: one stream for each direction and peer.
 *
 * The sender opens the stream of its messages. Who wants to send is who knows that a connection is wanted, and where; so
 * no two members that connect to each other at once have to agree whose connection lives, and one that cannot be
 * connected to still makes itself heard. The price is a second connection for each pair.
 */
export class PeerTransport implements Network, ConnectionOwner {
  readonly env: PeerEnv
  readonly id: MemberId
  readonly clusterId: string
  readonly version: string
  readonly tls: PeerTls | undefined
  readonly #options: TransportOptions
  readonly #channels = new Map<MemberId, Channel>()
  readonly #inbound = new Map<MemberId, Inbound>()
  readonly #senders = new Map<MemberId, SnapshotSender>()
  readonly #receivers = new Map<MemberId, SnapshotReceiver>()
  #events: NetworkEvents | undefined = undefined
  #dirty: Channel[] = []
  #isClosed = false
  #isRemoved = false

  constructor(options: TransportOptions) {
    this.#options = options
    this.env = options.env
    this.id = options.id
    this.clusterId = options.clusterId
    this.version = options.version
    this.tls = options.tls
  }

  /** Whether others are let in: a member listens to them. */
  get isReady(): boolean {
    return this.#events !== undefined && !this.#isClosed
  }

  /** Peers that can be sent to. */
  get activeCount(): number {
    let count = 0
    for (const channel of this.#channels.values()) if (channel.isActive) count += 1
    return count
  }

  /** Says who is told what comes. Until then nobody is let in and nothing is told. */
  begin(events: NetworkEvents): void {
    assert(this.#events === undefined, 'a network has one member')
    this.#events = events
  }

  send(message: Message): void {
    const channel = this.#channels.get(message.to)
    // Who leads may have joined, or moved, while this member was away: it can tell so only to one that answers.
    if (channel?.isActive !== true && isAnswer(message.type))
      if (this.#inbound.get(message.to)?.answer(message) === true) return
    channel?.send(message)
  }

  sendSnapshot(message: Message, chunks: Iterator<Uint8Array>, done: (delivered: boolean) => void): void {
    const { to } = message
    const url = this.#channels.get(to)?.url
    if (url === undefined || this.#senders.has(to)) {
      chunks.return?.()
      setImmediate(done, false)
      return
    }
    const sender = new SnapshotSender(this, url, message, chunks, delivered => {
      this.#senders.delete(to)
      done(delivered)
    })
    this.#senders.set(to, sender)
  }

  setPeers(peers: ReadonlyMap<MemberId, readonly string[]>): void {
    if (this.#isClosed) return
    for (const [id, channel] of this.#channels) {
      if (peers.has(id)) continue
      this.#channels.delete(id)
      channel.close()
      this.#inbound.get(id)?.close()
      this.#receivers.get(id)?.close()
      this.#senders.get(id)?.cancel()
    }
    for (const [id, urls] of peers) {
      if (id === this.id) continue
      const channel = this.#channels.get(id)
      if (channel === undefined) this.#channels.set(id, new Channel(id, urls, this))
      else channel.setUrls(urls)
    }
  }

  statistics(): readonly PeerStatistics[] {
    return [...this.#channels.values()].map(channel => channel.statistics())
  }

  /** By how many milliseconds the clock of a peer is ahead; undefined when it is not known. */
  clockDifferenceMs(id: MemberId): number | undefined {
    const channel = this.#channels.get(id)
    return channel?.isActive ? channel.clockDifferenceMs : undefined
  }

  /** Whether a member that was let in can be served; false: too many are here. */
  hasRoom(from: MemberId): boolean {
    return this.#inbound.has(from) || this.#inbound.size < INBOUND_MAX
  }

  /**
   * Takes the stream of a member's messages, in place of the one it had: its end has not been seen here yet. Who comes
   * is up, so the stream to it need not wait for its next try.
   */
  acceptStream(from: MemberId, { socket, rest }: Upgraded): void {
    this.#inbound.get(from)?.close()
    const inbound: Inbound = new Inbound(from, socket, rest, this, () => {
      if (this.#inbound.get(from) === inbound) this.#inbound.delete(from)
    })
    this.#inbound.set(from, inbound)
    this.#channels.get(from)?.wake()
  }

  /** Takes a snapshot, in place of one from the same member that has not ended: it sends one at a time. */
  acceptSnapshot(from: MemberId, { socket, rest }: Upgraded): void {
    this.#receivers.get(from)?.close()
    const offer = (message: Message) => this.#offer(message)
    const receiver: SnapshotReceiver = new SnapshotReceiver(from, socket, rest, this, offer, () => {
      if (this.#receivers.get(from) === receiver) this.#receivers.delete(from)
    })
    this.#receivers.set(from, receiver)
  }

  /** Ends all connections; what was sent before still leaves. Nothing is told any more. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const channel of this.#channels.values()) channel.close()
    for (const inbound of this.#inbound.values()) inbound.close()
    for (const receiver of this.#receivers.values()) receiver.close()
    for (const sender of this.#senders.values()) sender.cancel()
    this.#channels.clear()
  }

  log(line: string): void {
    if (!this.#isClosed) this.#options.log(line)
  }

  greeting(to: MemberId, protocol: string): OwnGreeting {
    return { protocol, clusterId: this.clusterId, from: this.id, to, version: this.version }
  }

  flushSoon(channel: Channel): void {
    channel.isDirty = true
    if (this.#dirty.length === 0) process.nextTick(flushAll, this)
    this.#dirty.push(channel)
  }

  flushDirty(): void {
    const dirty = this.#dirty
    this.#dirty = []
    for (const channel of dirty) channel.flush()
  }

  unreachable(id: MemberId): void {
    if (!this.#isClosed) this.#events?.unreachable(id)
  }

  unreachableSoon(id: MemberId): void {
    setImmediate(() => this.unreachable(id))
  }

  received(message: Message): void {
    if (!this.#isClosed) this.#events?.received(message)
  }

  receivedBytes(from: MemberId, bytes: number): void {
    const channel = this.#channels.get(from)
    if (channel !== undefined) channel.bytesReceived += bytes
  }

  removed(why: string): void {
    if (this.#isRemoved || this.#isClosed) return
    this.#isRemoved = true
    this.log(why)
    this.#events?.removed()
  }

  roundTrip(id: MemberId, ms: number): void {
    this.#options.onRoundTrip?.(id, ms)
  }

  #offer(message: Message): SnapshotSink | undefined {
    const meta = message.snapshot?.meta
    if (meta === undefined || this.#isClosed) return undefined
    return this.#events?.snapshotOffered(message, meta)
  }
}

function flushAll(transport: PeerTransport): void {
  transport.flushDirty()
}
