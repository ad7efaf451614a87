import { connect, createServer, type Server, type Socket } from 'node:net'
import type { HttpServer } from '#lib/http/host/server.ts'
import type { NetworkEvents, SnapshotSink } from '../../member/network.ts'
import type { ClusterMember, MemberService } from '../../member/service.ts'
import type { Message } from '../../raft/message.ts'
import { newMessage } from '../../raft/message.ts'
import type { MemberId } from '../../raft/types.ts'
import type { PeerEnv } from '../host/owner.ts'
import { createPeerServer } from '../host/server.ts'
import { PeerTransport } from '../host/transport.ts'
import type { PeerTls } from '../tls.ts'

/** The outside world, where time is so many times as fast. What takes as long as the machine likes wants 1. */
export function worldAt(speed: number): PeerEnv {
  return {
    now: () => performance.now() * speed,
    wallClock: () => Date.now(),
    random: () => 0.5,
    setTimer(delayMs, callback) {
      const timer = setTimeout(callback, delayMs / speed)
      return () => clearTimeout(timer)
    },
  }
}

/** For what waits for time to pass. */
export const FAST: PeerEnv = worldAt(20)

/** A member as far as the transport knows one: it notes what it is told. */
export class TestMember implements NetworkEvents {
  readonly id: MemberId
  readonly transport: PeerTransport
  readonly server: HttpServer
  readonly messages: Message[] = []
  readonly unreachables: MemberId[] = []
  readonly gone = new Set<MemberId>()
  readonly log: string[] = []
  removals = 0
  members: ClusterMember[] = []
  hasStarted = true
  url = ''
  onReceived: (message: Message) => void = message => this.messages.push(message)
  onOffer: (message: Message) => SnapshotSink | undefined = () => undefined

  constructor(id: MemberId, options: { clusterId?: string; tls?: PeerTls | undefined; env?: PeerEnv } = {}) {
    const { clusterId = 'c1', tls, env = FAST } = options
    const log = (line: string) => void this.log.push(line)
    this.id = id
    this.transport = new PeerTransport({ id, clusterId, version: '1.0', env, log, tls })
    const service = {
      clusterId,
      clusterVersion: '3.4.0',
      members: () => this.members,
      wasRemoved: (other: MemberId) => this.gone.has(other),
    } as Partial<MemberService> as MemberService
    this.server = createPeerServer({
      service: () => (this.hasStarted ? service : undefined),
      transport: () => this.transport,
      version: '3.4.23',
      log,
      tls,
    })
    this.transport.begin(this)
  }

  /** Listens on loopback. */
  async listen(scheme: 'http' | 'https' = 'http'): Promise<this> {
    const address = await this.server.listen({ host: '127.0.0.1', port: 0 })
    this.url = `${scheme}://127.0.0.1:${'port' in address ? address.port : 0}`
    return this
  }

  async close(): Promise<void> {
    this.transport.close()
    await this.server.close(0)
  }

  /** Sends a numbered append message. */
  send(to: MemberId, index: number, dataBytes = 10): void {
    const message = newMessage('append', to, this.id, 1)
    message.index = index
    message.entries = [{ term: 1, index, type: 'normal', data: Buffer.alloc(dataBytes, index) }]
    this.transport.send(message)
  }

  received(message: Message): void {
    this.onReceived(message)
  }

  unreachable(id: MemberId): void {
    this.unreachables.push(id)
  }

  snapshotOffered(message: Message): SnapshotSink | undefined {
    return this.onOffer(message)
  }

  removed(): void {
    this.removals += 1
  }
}

/** Waits until something is so, and fails after a while that is long for loopback. */
export async function until(what: string, isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + 8000
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`in vain: ${what}`)
    await new Promise(done => setTimeout(done, 1))
  }
}

/** A place on the way to a member, where connections can be cut and damaged. */
export class Way {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** What becomes of bytes on the way to the member. */
  forward: (bytes: Buffer, to: Socket, from: Socket) => void = (bytes, to) => void to.write(bytes)
  url = ''

  constructor(target: string) {
    const { port } = new URL(target)
    this.#server = createServer(socket => {
      const onward = connect(Number(port), '127.0.0.1')
      for (const [from, to] of [
        [socket, onward],
        [onward, socket],
      ] as const) {
        this.#sockets.add(from)
        from.on('error', () => {})
        from.on('close', () => to.destroy())
        from.on('end', () => to.end())
      }
      socket.on('data', bytes => this.forward(bytes, onward, socket))
      onward.on('data', bytes => socket.write(bytes))
    })
  }

  async listen(): Promise<this> {
    await new Promise<void>(done => this.#server.listen(0, '127.0.0.1', done))
    const address = this.#server.address()
    this.url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
    return this
  }

  /** Ends what is connected now. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#sockets.clear()
  }

  close(): void {
    this.cut()
    this.#server.close()
  }
}
