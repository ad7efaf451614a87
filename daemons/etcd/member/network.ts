import type { Message } from '../raft/message.ts'
import type { MemberId, SnapshotMeta } from '../raft/types.ts'
import type { PeerStatistics } from './service.ts'

/**
 * How a member speaks with the others. The server gives it connections (`peer/`), the simulator its own network. Nothing
 * here waits or fails: what is sent may be lost.
 */
export interface Network {
  /**
   * Sends to `message.to`, in order as far as one connection goes. Called many times within a turn; what came together
   * leaves together at the end of the turn. Entries and their bytes are shared: they do not change.
   */
  send(message: Message): void
  /**
   * Sends a snapshot message with its data beside. `chunks` is asked for the next one when the last has been taken; each
   * is a state of the same moment. Answers once: whether all of it was handed over.
   */
  sendSnapshot(message: Message, chunks: Iterator<Uint8Array>, done: (delivered: boolean) => void): void
  /** Whom to speak with, and where; replaces what was said before. Connections to others end. */
  setPeers(peers: ReadonlyMap<MemberId, readonly string[]>): void
  statistics(): readonly PeerStatistics[]
}

/** What the network tells the member. All of it in the event loop's own turn, never within a call. */
export interface NetworkEvents {
  /** A message for this member of this cluster. */
  received(message: Message): void
  /** Messages to this member are being lost. Told once for each loss of a connection, and while there is none. */
  unreachable(id: MemberId): void
  /**
   * A snapshot begins to arrive; `message.snapshot` has no data. The receiver takes each chunk, then exactly one of `done`
   * (all of it arrived, checked by length and checksum) or `failed`. Undefined: it is not wanted now.
   */
  snapshotOffered(message: Message, meta: SnapshotMeta): SnapshotSink | undefined
  /** A peer says that this member was removed from the cluster. */
  removed(): void
}

/** Takes the chunks of a snapshot that arrives. */
export interface SnapshotSink {
  chunk(data: Uint8Array): void
  /** `accepted` is told to the sender, after it is durable or refused. */
  done(answer: (accepted: boolean) => void): void
  failed(): void
}
