import { spawn } from 'node:child_process'
import { createReadStream, createWriteStream, existsSync } from 'node:fs'
import { chmod, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { UserError } from '#lib/errors.ts'
import { shellQuote } from './arguments.ts'
import { TimeoutError } from './deadline.ts'
import type { ProgramCommand, Programs } from './programs.ts'
import { SSH_FILES, type SshTarget, sshArguments } from './ssh-arguments.ts'

/** Default bound of a command in the guest. */
export const EXEC_TIMEOUT_MS = 120_000
/** What a command may print into memory. */
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024
/** ssh's own exit status when it could not connect. */
const SSH_FAILED = 255
const RETRY_PAUSE_MS = 300

/** How a command in the guest ended. */
export interface Executed {
  stdout: string
  stderr: string
  /** Exit status; 255 may also mean that ssh itself failed (then stderr says why). */
  code: number
}

/** How a command is run. */
export interface ExecOptions {
  timeoutMs?: number
  /** What the command reads; nothing when absent. */
  input?: Readable
  /** Where its stdout goes instead of the result. */
  output?: Writable
  user?: string
}

/** Makes the machine's key pair unless it has one, and gives the public key's line. */
export async function ensureKey(folder: string, programs: Programs): Promise<string> {
  const publicKey = join(folder, SSH_FILES.publicKey)
  if (!existsSync(publicKey)) {
    await rm(join(folder, SSH_FILES.key), { force: true }) // a half-made pair
    const words = ['-q', '-t', 'ed25519', '-N', '', '-C', 'orlop', '-f', SSH_FILES.key]
    const { code, stderr } = await runProgram(programs.command('ssh-keygen', words), folder, {})
    if (code !== 0) throw new UserError(`cannot make an SSH key in ${folder}: ${stderr.trim()}`)
    await chmod(join(folder, SSH_FILES.key), 0o600)
  }
  return (await readFile(publicKey, 'utf8')).trim()
}

/** Commands and files into and out of a running guest. */
export class Ssh {
  readonly #folder: string
  readonly #programs: Programs
  readonly #target: SshTarget

  constructor(folder: string, programs: Programs, target: SshTarget) {
    this.#folder = folder
    this.#programs = programs
    this.#target = target
  }

  /** The `ssh` to spawn in the machine's folder; for a terminal or for streams of one's own. */
  command(command: string | undefined, terminal: boolean): ProgramCommand {
    const target = { ...this.#target, isShared: false }
    return this.#programs.command('ssh', sshArguments(target, command, terminal))
  }

  /**
   * Runs a shell command in the guest to its end, whatever its status.
   *
   * @throws TimeoutError
   */
  async exec(command: string, options: ExecOptions = {}): Promise<Executed> {
    const target = { ...this.#target, ...(options.user === undefined ? {} : { user: options.user }) }
    const program = this.#programs.command('ssh', sshArguments(target, command, false))
    return await runProgram(program, this.#folder, options)
  }

  /**
   * The stdout of a command that has to succeed.
   *
   * @throws Error with its status and stderr otherwise
   */
  async output(command: string, options: ExecOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.exec(command, options)
    if (code === 0) return stdout
    throw new Error(
      `\`${command}\` in the guest ended with status ${code}: ${stderr.trim() || stdout.trim()}`,
    )
  }

  /** Copies a file into the guest; with sudo if the user may not write there. */
  async copyIn(
    hostPath: string,
    guestPath: string,
    options: { sudo?: boolean; timeoutMs?: number } = {},
  ): Promise<void> {
    const sudo = options.sudo ? 'sudo ' : ''
    await this.output(`${sudo}tee ${shellQuote(guestPath)} >/dev/null`, {
      input: createReadStream(hostPath),
      ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
    })
  }

  /** Copies a file out of the guest. */
  async copyOut(
    guestPath: string,
    hostPath: string,
    options: { sudo?: boolean; timeoutMs?: number } = {},
  ): Promise<void> {
    const sudo = options.sudo ? 'sudo ' : ''
    await this.output(`${sudo}cat ${shellQuote(guestPath)}`, {
      output: createWriteStream(hostPath),
      ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
    })
  }

  /**
   * Waits until the guest lets us in. To be called when the console says that the system is up: this only bridges
   * the moment until the daemon listens.
   *
   * @throws TimeoutError with ssh's last complaint
   */
  async waitReady(timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs
    for (;;) {
      const left = deadline - performance.now()
      const { code, stderr } = await this.exec('true', { timeoutMs: Math.max(left, 1) })
      if (code === 0) return
      if (code !== SSH_FAILED || performance.now() + RETRY_PAUSE_MS > deadline)
        throw new TimeoutError(
          `ssh to port ${this.#target.port}: not within ${timeoutMs / 1000} s, last status ${code}: ${stderr.trim() || 'no message'}`,
        )
      await new Promise(resolve => setTimeout(resolve, RETRY_PAUSE_MS))
    }
  }
}

async function runProgram(program: ProgramCommand, cwd: string, options: ExecOptions): Promise<Executed> {
  const timeoutMs = options.timeoutMs ?? EXEC_TIMEOUT_MS
  const child = spawn(program.file, program.args, { cwd, env: program.env, stdio: 'pipe' })
  const collected: { stdout: Buffer[]; stderr: Buffer[] } = { stdout: [], stderr: [] }
  let bytes = 0
  let late = false
  const collect = (name: 'stdout' | 'stderr') => (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > OUTPUT_BYTES_MAX) child.kill('SIGKILL')
    else collected[name].push(chunk)
  }
  child.stderr.on('data', collect('stderr'))
  const drained = options.output ? pipeline(child.stdout, options.output) : undefined
  if (drained === undefined) child.stdout.on('data', collect('stdout'))
  const timer = setTimeout(() => {
    late = true
    child.kill('SIGKILL')
  }, timeoutMs)
  try {
    // A command that ends before it has read its input is judged by its status.
    child.stdin.on('error', () => undefined)
    const fed = pipeline(options.input ?? Readable.from([]), child.stdin)
    const ended = new Promise<number>((resolve, reject) => {
      child.on('error', reject)
      child.on('close', code => resolve(code ?? SSH_FAILED))
    })
    const [end, ...others] = await Promise.allSettled([ended, drained, fed])
    if (end.status === 'rejected') throw end.reason
    const text = (name: 'stdout' | 'stderr') => Buffer.concat(collected[name]).toString('utf8')
    if (late)
      throw new TimeoutError(
        `\`${program.args.at(-1)}\`: not within ${timeoutMs / 1000} s: ${text('stderr').trim()}`,
      )
    const failed = others.find(other => other.status === 'rejected')
    if (failed && end.value === 0) throw failed.reason
    return { stdout: text('stdout'), stderr: text('stderr'), code: end.value }
  } finally {
    clearTimeout(timer)
  }
}
