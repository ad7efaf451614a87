/*
 * A switch of Ethernet for virtual machines, in one process without any privilege.
 *
 *   QEMU core-01 ── core-01.sock ─┐                     ┌─ control.sock ── orlop, tests
 *   QEMU core-02 ── core-02.sock ─┤ Link ─ Fabric ─ Link┤
 *   QEMU core-03 ── core-03.sock ─┘   │                 └─ @host: the host's address, names and time
 *                                  Forwarding, Faults, DelayLines
 *
 * What it does with a frame:
 *   1. `Link` cuts the stream into frames (frame.ts). Reading never stops.
 *   2. `Fabric` learns who sent it and finds the port, or ports, that it is for (forwarding.ts).
 *   3. For each of them the rules decide: it passes, is lost, or is on its way for a while (faults.ts, delay.ts).
 *   4. It is copied into the queue of the port (outbox.ts), which is bounded in bytes and frames. A frame for which
 *      there is no room is lost and counted: a machine that does not read holds up nobody but itself.
 *   5. After each piece of a stream, the queues that got something are written, many frames at once.
 *
 * All decisions are in files without I/O; here are sockets, the clocks and one timer. Rules, addresses and counters are
 * in memory only: a new process begins with perfect links and knows nobody, and machines connect to it by themselves.
 *
 * The folder holds a socket for each port, which is called like the machine that belongs there, and one for control.
 * Only one machine at a time is on a port: while it is there, another one is turned away. To machines a connection
 * that ends is a cable that is pulled.
 */
import { stat } from 'node:fs/promises'
import type { Server, Socket } from 'node:net'
import { join } from 'node:path'
import { errorCode, UserError } from '#lib/errors.ts'
import { TimeoutError } from '../../deadline.ts'
import { formatMac, parseIpv4 } from '../address.ts'
import { type PortStatus, portsOf, type Request, type SwitchStatus } from '../control.ts'
import { Fabric, type Outcome } from '../fabric.ts'
import { Faults, noFaults } from '../faults.ts'
import { Forwarding } from '../forwarding.ts'
import { NameTable } from '../names.ts'
import { CONTROL, HOST_PORT, PORTS_MAX, type SwitchSettings } from '../settings.ts'
import { answerFrame, STATION_MAC } from '../station/station.ts'
import { SwitchClient } from './client.ts'
import { ControlServer } from './control.ts'
import { Link } from './link.ts'
import { closeServer, SocketFolder } from './listener.ts'

/** How often it looks whether its folder is still there: without it nobody could end the process. */
const FOLDER_LOOK_MS = 2000
/** For the answer of a switch that may be there already. */
const RIVAL_TIMEOUT_MS = 2000

interface Port {
  name: string
  server: Server
  link: Link | undefined
  connections: number
  lastEnd: string | undefined
}

/** A running switch. */
export class Switch {
  /** Settles when it has been stopped, by a request too. */
  readonly ended: Promise<void>
  readonly #log: (line: string) => void
  readonly #settings: SwitchSettings
  readonly #sockets: SocketFolder
  readonly #fabric: Fabric
  readonly #names: NameTable
  readonly #ports = new Map<string, Port>()
  /** Ports that got frames since they were last written. */
  readonly #unwritten = new Set<Link>()
  readonly #startMs = performance.now()
  readonly #look: NodeJS.Timeout
  #control: ControlServer | undefined
  #timer: { dueMs: number; handle: NodeJS.Timeout } | undefined
  /** The request that is being done: the next one begins when it is over. */
  #turn: Promise<unknown> = Promise.resolve()
  #stopping: Promise<void> | undefined
  #end: () => void = () => undefined

  private constructor(folder: string, settings: SwitchSettings, log: (line: string) => void) {
    this.#settings = settings
    this.#log = log
    this.#sockets = new SocketFolder(folder)
    this.#names = new NameTable(settings.domain, parseIpv4(settings.address)!)
    this.#fabric = new Fabric(new Faults(noFaults(settings.seed)), new Forwarding())
    this.#addHost()
    this.ended = new Promise(resolve => {
      this.#end = resolve
    })
    this.#look = setInterval(() => void this.#checkFolder(folder), FOLDER_LOOK_MS)
  }

  /**
   * Begins to listen in a folder.
   *
   * @param log takes what happens, a line each
   * @throws UserError when another switch works there; system errors
   */
  static async open(
    folder: string,
    settings: SwitchSettings,
    log: (line: string) => void = () => undefined,
  ): Promise<Switch> {
    if (await isServed(folder)) throw new UserError(`another switch works in ${folder}`)
    const instance = new Switch(folder, settings, log)
    try {
      for (const { name, address } of settings.ports) await instance.#add(name, address)
      // The last one: who can connect to it finds the ports, too.
      instance.#control = await ControlServer.open(instance.#sockets, request => instance.handle(request))
      return instance
    } catch (error) {
      await instance.stop()
      throw error
    }
  }

  /**
   * Does what a request asks for.
   *
   * @throws UserError when it cannot be; then nothing has changed
   */
  async handle(request: Request): Promise<object> {
    return await this.#inTurn(() => this.#do(request))
  }

  async #do(request: Request): Promise<object> {
    const unknown = portsOf(request).find(port => !this.#fabric.has(port))
    if (unknown !== undefined) throw new UserError(`there is no port ${unknown}`)
    if (this.#stopping !== undefined) throw new UserError('the switch is ending')
    const { faults } = this.#fabric
    if (request.do === 'status') return this.status()
    this.#log(`asked to ${JSON.stringify(request)}`)
    switch (request.do) {
      case 'partition':
        faults.partition(request.groups)
        break
      case 'isolate':
        faults.isolate(request.port, request.direction)
        break
      case 'cut':
        faults.cut(request.from, request.to)
        break
      case 'link': {
        const { do: _, ...rule } = request
        faults.link(rule)
        break
      }
      case 'heal':
        faults.heal()
        break
      case 'add':
        await this.#add(request.port, request.address)
        break
      case 'remove':
        await this.#remove(request.port)
        break
      case 'stop':
        // After the answer to this was written.
        setImmediate(() => void this.stop())
    }
    return { ok: true }
  }

  /** What it says of itself. */
  status(): SwitchStatus {
    const nowMs = performance.now()
    const { address, domain } = this.#settings
    const none = { connected: true, connections: 0, queued: { frames: 0, bytes: 0 } }
    const ports: Record<string, PortStatus> = {
      [HOST_PORT]: { ...none, ...this.#fabric.counters(HOST_PORT)! },
    }
    for (const { name, link, connections, lastEnd } of this.#ports.values())
      ports[name] = {
        connected: link !== undefined,
        connections,
        ...(lastEnd === undefined ? {} : { lastEnd }),
        queued: link?.queued ?? none.queued,
        ...this.#fabric.counters(name)!,
      }
    return {
      version: 1,
      pid: process.pid,
      upMs: Math.round(nowMs - this.#startMs),
      address,
      domain,
      names: this.#names.entries(),
      ports,
      faults: this.#fabric.faults.state(),
      addresses: this.#fabric
        .addresses(nowMs)
        .map(({ mac, port, ageMs }) => ({ mac: formatMac(mac), port, ageMs: Math.round(ageMs) })),
    }
  }

  /** Ends all connections and takes the sockets away. */
  async stop(): Promise<void> {
    this.#stopping ??= this.#inTurn(() => this.#stop())
    await this.#stopping
  }

  async #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(act)
    this.#turn = turn.catch(() => undefined)
    return await turn
  }

  async #stop(): Promise<void> {
    clearInterval(this.#look)
    clearTimeout(this.#timer?.handle)
    for (const name of [...this.#ports.keys()]) await this.#remove(name)
    await this.#control?.close()
    this.#sockets.close()
    this.#end()
  }

  async #add(name: string, address: string | undefined): Promise<void> {
    if (!this.#ports.has(name)) {
      if (this.#ports.size >= PORTS_MAX) throw new UserError(`there are ${PORTS_MAX} ports already`)
      const server = await this.#sockets.listen(`${name}.sock`, socket => this.#connect(name, socket))
      const port: Port = { name, server, link: undefined, connections: 0, lastEnd: undefined }
      this.#ports.set(name, port)
      this.#fabric.add(name, frame => this.#send(port, frame))
    }
    if (address !== undefined) this.#names.set(name, parseIpv4(address)!)
  }

  async #remove(name: string): Promise<void> {
    const port = this.#ports.get(name)
    if (port === undefined) return
    this.#ports.delete(name)
    this.#names.delete(name)
    const closed = closeServer(port.server)
    port.link?.close('the port was removed')
    this.#fabric.remove(name)
    await closed
  }

  #connect(name: string, socket: Socket): void {
    const port = this.#ports.get(name)
    if (port === undefined || port.link !== undefined) {
      this.#log(`${name}: turned a second machine away`)
      socket.destroy()
      return
    }
    port.connections++
    const link = new Link(socket, {
      onFrame: frame => this.#fabric.input(port.name, frame, performance.now()),
      onPause: () => this.#settle(),
      onEnd: reason => {
        port.link = undefined
        port.lastEnd = reason
        this.#fabric.unplug(port.name)
        this.#log(`${port.name}: ${reason}`)
      },
    })
    port.link = link
    this.#log(`${port.name}: connected`)
  }

  #send({ link }: Port, frame: Buffer): Outcome {
    if (link === undefined) return 'down'
    if (!link.send(frame)) return 'full'
    this.#unwritten.add(link)
    return 'sent'
  }

  /** Writes what was queued, and sets the timer for what is on its way. */
  #settle(): void {
    for (const link of this.#unwritten) link.flush()
    this.#unwritten.clear()
    const dueMs = this.#fabric.nextMs
    if (dueMs === undefined || this.#stopping !== undefined) return
    if (this.#timer !== undefined && this.#timer.dueMs <= dueMs) return
    clearTimeout(this.#timer?.handle)
    const handle = setTimeout(
      () => {
        this.#timer = undefined
        this.#fabric.advance(performance.now())
        this.#settle()
      },
      Math.max(0, Math.ceil(dueMs - performance.now())),
    )
    this.#timer = { dueMs, handle }
  }

  /** The host as one more machine, whose cable is a function. */
  #addHost(): void {
    const station = { mac: STATION_MAC, address: parseIpv4(this.#settings.address)!, names: this.#names }
    this.#fabric.add(HOST_PORT, frame => {
      const reply = answerFrame(station, frame, Date.now())
      if (reply !== undefined) this.#fabric.input(HOST_PORT, reply, performance.now())
      return 'sent'
    })
  }

  async #checkFolder(folder: string): Promise<void> {
    try {
      await stat(join(folder, `${CONTROL}.sock`))
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') return
      this.#log('the folder is gone')
      await this.stop()
    }
  }
}

/** A process that was killed may accept for a moment, but it does not answer; one that is stopped still has the folder. */
async function isServed(folder: string): Promise<boolean> {
  let client: SwitchClient | undefined
  try {
    client = await SwitchClient.open(folder, RIVAL_TIMEOUT_MS)
    await client.status()
    return true
  } catch (error) {
    return error instanceof TimeoutError
  } finally {
    client?.close()
  }
}
