import { once } from 'node:events'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { within } from '../../deadline.ts'
import { connectUnix } from '../../sockets.ts'
import { encodeFrame, FrameReader } from '../frame.ts'
import { textOf } from './frames.ts'

/** How long a frame may take on a busy host. */
const PATIENCE_MS = 20_000

/** What QEMU is to a switch: a connection that sends and gets frames. */
export class Machine {
  readonly socket: Socket
  readonly #reader = new FrameReader()
  readonly #got: Buffer[] = []
  #wake: () => void = () => undefined

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => undefined)
    socket.on('data', chunk => {
      this.#reader.push(chunk, frame => this.#got.push(Buffer.from(frame)))
      this.#wake()
    })
  }

  /** Plugs a machine into its port. */
  static async plug(folder: string, name: string): Promise<Machine> {
    return new Machine(await connectUnix(join(folder, `${name}.sock`), PATIENCE_MS))
  }

  /** Sends a frame. */
  send(frame: Buffer): void {
    this.socket.write(encodeFrame(frame))
  }

  /** The next frame that came, or will. */
  async next(): Promise<Buffer> {
    while (this.#got.length === 0) {
      const woken = new Promise<void>(resolve => {
        this.#wake = resolve
      })
      await within(woken, PATIENCE_MS, 'a frame')
    }
    return this.#got.shift()!
  }

  /** The texts of the next frames, so many. */
  async texts(count: number): Promise<string[]> {
    const texts: string[] = []
    while (texts.length < count) texts.push(textOf(await this.next()))
    return texts
  }

  /** Pulls the cable. */
  async unplug(): Promise<void> {
    if (this.socket.destroyed) return
    this.socket.destroy()
    await once(this.socket, 'close')
  }
}
