import { type ChildProcess, spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import type { ServerProgram } from './programs.ts'

/** What is kept of a server's log, for people. */
const LOG_CHARACTERS_MAX = 64 * 1024

/** How a process ended. */
export interface Exit {
  code: number | null
  signal: NodeJS.Signals | null
}

/** Those that run, so that none outlives this process. */
const running = new Set<ChildProcess>()

process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** One life of a server. */
export class ServerProcess {
  readonly pid: number
  /** Resolves when it has ended and its log is complete. */
  readonly ended: Promise<Exit>
  exit: Exit | undefined
  /** The end of what it wrote. */
  log = ''
  readonly #child: ChildProcess

  private constructor(child: ChildProcess) {
    this.#child = child
    this.pid = child.pid!
    running.add(child)
    for (const stream of [child.stdout!, child.stderr!])
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        this.log = (this.log + chunk).slice(-LOG_CHARACTERS_MAX)
      })
    this.ended = new Promise(resolve => {
      child.on('exit', () => running.delete(child))
      child.on('close', (code, signal) => {
        this.exit = { code, signal }
        resolve(this.exit)
      })
    })
  }

  /** Resolves when the process exists, not when it is ready. */
  static async start(program: ServerProgram, flags: readonly string[], cwd: string): Promise<ServerProcess> {
    const [file, ...words] = program.command
    // A child of this process's group: whoever ends the group ends it too.
    const child = spawn(file, [...words, ...flags], {
      cwd,
      env: { ...bare(process.env), ...program.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve)
      child.once('error', reject)
    })
    return new ServerProcess(child)
  }

  /** Sends a signal; SIGKILL also ends one that stands still. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  async kill(): Promise<Exit> {
    this.#child.kill('SIGKILL')
    return await this.ended
  }

  /** Whether the kernel has stopped it: proc_pid_stat(5), after the name in parentheses. */
  async isStopped(): Promise<boolean> {
    const text = await readFile(`/proc/${this.pid}/stat`, 'latin1')
    return text.slice(text.lastIndexOf(')') + 2, text.lastIndexOf(')') + 3) === 'T'
  }
}

/** The environment without what a server or Node would take for a setting. */
function bare(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !/^(ETCD_|ORLOP_|NODE_|TAP|NOTIFY_SOCKET)/.test(name)),
  )
}
