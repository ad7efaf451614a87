import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { TimeoutError } from '../../../build/vm/deadline.ts'
import type { Programs } from '../../../build/vm/programs.ts'
import { sshArguments } from '../../../build/vm/ssh-arguments.ts'

/** How a command in a guest ended: both of its outputs, and its status. */
export interface Answer {
  text: string
  status: number
}

/** Where a guest is found. */
export interface GuestPlace {
  name: string
  /** In the network of the cluster. */
  address: string
  /** Folder of the machine on the host. */
  folder: string
  sshPort: number
  /** Where its API appears on this host: a path for a unix socket. */
  socketPath: string
}

const COMMAND_MS = 240_000
const CONNECT_MS = 60_000
const LOOK_MS = 50
const API_SOCKET = '/run/fleet.sock'
const OUTPUT_CHARS_MAX = 16 * 1024 * 1024

/**
 * One guest by one connection of OpenSSH, that is kept: a shell of root that is given command after command, and beside
 * it the API of its fleetd as a socket on this host. A login for each command costs a guest under TCG a second.
 */
export class Guest {
  readonly place: GuestPlace
  readonly #programs: Programs
  #shell: ChildProcessWithoutNullStreams | undefined
  #text = ''
  #count = 0
  #queue: Promise<unknown> = Promise.resolve()
  #onText: () => void = () => undefined

  private constructor(place: GuestPlace, programs: Programs) {
    this.place = place
    this.#programs = programs
  }

  /** Connects, and waits until commands are taken. */
  static async open(place: GuestPlace, programs: Programs): Promise<Guest> {
    const guest = new Guest(place, programs)
    await guest.said('true')
    const endMs = performance.now() + CONNECT_MS
    while (!existsSync(place.socketPath)) {
      if (performance.now() > endMs) throw new TimeoutError(`the API of ${place.name} is not forwarded`)
      await new Promise(resolve => setTimeout(resolve, LOOK_MS))
    }
    return guest
  }

  get name(): string {
    return this.place.name
  }

  get address(): string {
    return this.place.address
  }

  /** Runs a command line of the shell as root, after those that were given before. */
  async asked(command: string, timeoutMs = COMMAND_MS): Promise<Answer> {
    const turn = this.#queue.then(() => this.#run(command, timeoutMs))
    this.#queue = turn.catch(() => undefined)
    return await turn
  }

  /** As `asked`; it has to succeed. Gives what it said, without the line end. */
  async said(command: string, timeoutMs = COMMAND_MS): Promise<string> {
    const { text, status } = await this.asked(command, timeoutMs)
    if (status === 0) return text.trimEnd()
    throw new Error(`${this.name}: \`${command}\` ended with status ${status}:\n${text}`)
  }

  async close(): Promise<void> {
    this.#shell?.kill()
    this.#shell = undefined
    await rm(this.place.socketPath, { force: true })
  }

  async #run(command: string, timeoutMs: number): Promise<Answer> {
    const shell = this.#shell ?? (await this.#open())
    const mark = createHash('sha256')
      .update(`${this.name} ${this.#count++}`)
      .digest('hex')
      .slice(0, 16)
    this.#text = ''
    shell.stdin.write(`(\n${command}\n) </dev/null 2>&1; printf '\\n%s %s\\n' ${mark} $?\n`)
    const end = new RegExp(`\\n${mark} (\\d+)\\n`)
    return await new Promise<Answer>((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer)
        this.#onText = () => undefined
        act()
      }
      const fail = (what: string): void =>
        settle(() => {
          void this.close()
          reject(new TimeoutError(`${this.name}: \`${command}\`: ${what}\n${this.#text.slice(-2000)}`))
        })
      const timer = setTimeout(() => fail(`not within ${timeoutMs / 1000} s`), timeoutMs)
      this.#onText = () => {
        const match = end.exec(this.#text)
        if (match !== null)
          settle(() => resolve({ text: this.#text.slice(0, match.index), status: Number(match[1]) }))
        else if (shell.exitCode !== null || this.#text.length > OUTPUT_CHARS_MAX) fail('the shell ended')
      }
      this.#onText()
    })
  }

  async #open(): Promise<ChildProcessWithoutNullStreams> {
    const { folder, sshPort, socketPath } = this.place
    await rm(socketPath, { force: true })
    const words = [
      ...['-o', 'ExitOnForwardFailure=yes', '-L', `${socketPath}:${API_SOCKET}`],
      ...sshArguments({ user: 'core', port: sshPort }, 'exec sudo bash', false),
    ]
    const { file, args, env } = this.#programs.command('ssh', words)
    const shell = spawn(file, args, { cwd: folder, env, stdio: 'pipe' })
    const take = (chunk: Buffer): void => {
      this.#text += chunk.toString('utf8')
      this.#onText()
    }
    shell.stdout.on('data', take)
    shell.stderr.on('data', take)
    shell.stdin.on('error', () => undefined)
    shell.on('error', error => take(Buffer.from(error.message)))
    shell.on('close', () => {
      if (this.#shell === shell) this.#shell = undefined
      this.#onText()
    })
    this.#shell = shell
    return shell
  }
}
