import type { Env } from '../../member/env.ts'
import type { Message } from '../../raft/message.ts'
import type { MemberId } from '../../raft/types.ts'
import type { OwnGreeting } from '../handshake.ts'
import type { PeerTls } from '../tls.ts'
import type { Channel } from './channel.ts'

/** Of the outside world, what connections need. */
export type PeerEnv = Pick<Env, 'now' | 'wallClock' | 'setTimer' | 'random'>

/** What the connections of a member ask of its transport. */
export interface ConnectionOwner {
  readonly env: PeerEnv
  readonly id: MemberId
  readonly tls: PeerTls | undefined
  log(line: string): void
  greeting(to: MemberId, protocol: string): OwnGreeting
  /** Asks for `flush` at the end of this turn. */
  flushSoon(channel: Channel): void
  /** Tells the member, in this turn; `unreachableSoon` in one of its own. */
  unreachable(id: MemberId): void
  unreachableSoon(id: MemberId): void
  received(message: Message): void
  receivedBytes(from: MemberId, bytes: number): void
  /** A peer said that this member was removed. */
  removed(why: string): void
  roundTrip(id: MemberId, ms: number): void
}
