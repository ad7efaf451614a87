import { connect, createServer, type Server, type Socket } from 'node:net'
import { ownerOf } from './owner.ts'
import { Pipe, type Way } from './pipe.ts'

/** A member as the network knows it: where others believe it to be, and where it really is. */
export interface Station {
  /** IPv4 addresses of loopback. */
  advertised: string
  address: string
  port: number
  /** Its process, while it runs. */
  pid(): number | undefined
}

interface Connection {
  from: number
  to: number
  caller: Socket
  /** Undefined while a block keeps it from being made. */
  target: Socket | undefined
  pipes: Pipe[]
}

/**
 * The network between the members of one cluster, in this process: everything that one member says to another passes
 * here, and may be stopped or delayed for each pair and direction.
 */
export class Links {
  readonly #stations: readonly Station[]
  readonly #ways: Way[][]
  readonly #servers: Server[] = []
  readonly #connections = new Set<Connection>()
  readonly #sockets = new Set<Socket>()
  /** Connections whose caller is none of the members, and was gone when it was looked for. */
  strangers = 0

  private constructor(stations: readonly Station[]) {
    this.#stations = stations
    this.#ways = stations.map(() =>
      stations.map(() => ({ isBlocked: false, delayMs: 0, bytes: 0, stopped: 0 })),
    )
  }

  /** Listens where each station is believed to be. */
  static async open(stations: readonly Station[]): Promise<Links> {
    const links = new Links(stations)
    try {
      for (const to of stations.keys()) await links.#listen(to)
    } catch (error) {
      await links.close()
      throw error
    }
    return links
  }

  /** What goes on between two, in one direction. */
  way(from: number, to: number): Readonly<Way> {
    return this.#ways[from]![to]!
  }

  /** Stops what one says to another. */
  block(from: number, to: number): void {
    this.#ways[from]![to]!.isBlocked = true
  }

  /** Lets everything through again, without delay. `reset`: connections that were blocked have not survived it. */
  heal({ reset }: { reset: boolean }): void {
    const wasBlocked = (from: number, to: number) => this.#ways[from]![to]!.isBlocked
    const affected = [...this.#connections].filter(
      ({ from, to }) => wasBlocked(from, to) || wasBlocked(to, from),
    )
    for (const row of this.#ways)
      for (const way of row) {
        way.isBlocked = false
        way.delayMs = 0
      }
    if (reset) for (const connection of affected) this.#drop(connection)
    this.#wakeAll()
  }

  /** Delays everything between all of them. */
  slow(delayMs: number): void {
    for (const row of this.#ways) for (const way of row) way.delayMs = delayMs
  }

  /** Bytes and pieces of all ways together. */
  totals(): { bytes: number; stopped: number } {
    const all = this.#ways.flat()
    return {
      bytes: all.reduce((sum, { bytes }) => sum + bytes, 0),
      stopped: all.reduce((sum, { stopped }) => sum + stopped, 0),
    }
  }

  async close(): Promise<void> {
    for (const { pipes } of this.#connections) for (const pipe of pipes) pipe.stop()
    for (const socket of this.#sockets) socket.destroy()
    await Promise.all(this.#servers.map(server => new Promise(resolve => server.close(resolve))))
  }

  async #listen(to: number): Promise<void> {
    const { advertised, port } = this.#stations[to]!
    // Paused until it is known who calls.
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, caller => {
      this.#own(caller)
      void this.#accept(caller, to)
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, advertised, () => resolve())
    })
    this.#servers.push(server)
  }

  async #accept(caller: Socket, to: number): Promise<void> {
    const { advertised, port } = this.#stations[to]!
    const local = { address: caller.remoteAddress ?? '', port: caller.remotePort ?? 0 }
    const pids = this.#stations.map(station => station.pid())
    const running = pids.filter(pid => pid !== undefined)
    const pid = await ownerOf(local, { address: advertised, port }, running).catch(() => undefined)
    if (pid === undefined) {
      this.strangers += 1
      caller.destroy()
      return
    }
    const connection: Connection = { from: pids.indexOf(pid), to, caller, target: undefined, pipes: [] }
    this.#connections.add(connection)
    caller.on('close', () => {
      if (connection.target === undefined) this.#drop(connection)
    })
    this.#establish(connection)
  }

  /** Both directions are needed for that. */
  #establish(connection: Connection): void {
    const { from, to, caller } = connection
    const [there, back] = [this.#ways[from]![to]!, this.#ways[to]![from]!]
    if (connection.target !== undefined || caller.destroyed) return
    if (there.isBlocked || back.isBlocked) {
      if (there.isBlocked) there.stopped += 1
      else back.stopped += 1
      return
    }
    const { address, port } = this.#stations[to]!
    const target = connect({ host: address, port, allowHalfOpen: true, noDelay: true })
    this.#own(target)
    connection.target = target
    connection.pipes = [new Pipe(caller, target, there), new Pipe(target, caller, back)]
    const done = () => {
      if (caller.destroyed && target.destroyed) this.#drop(connection)
    }
    caller.on('close', done)
    target.on('close', done)
    caller.resume()
  }

  #drop(connection: Connection): void {
    for (const pipe of connection.pipes) pipe.stop()
    connection.caller.resetAndDestroy()
    connection.target?.resetAndDestroy()
    this.#connections.delete(connection)
  }

  #wakeAll(): void {
    for (const connection of this.#connections) {
      this.#establish(connection)
      for (const pipe of connection.pipes) pipe.wake()
    }
  }

  #own(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => this.#sockets.delete(socket))
  }
}
