import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '#lib/errors.ts'
import { identify, isRunning, type ProcessIdentity } from './identity.ts'
import type { ProgramCommand } from './programs.ts'

/** What QEMU itself says, in the machine's folder. */
const LOG = 'qemu.log'
const LOG_LINES = 5
/** How often the end of a process that is not our child is looked for. */
const LOOK_INTERVAL_MS = 100

/** How QEMU ended. */
export interface Ended {
  code: number | null
  signal: string | null
}

/** The QEMU process of a machine. */
export class Emulator {
  readonly identity: ProcessIdentity
  /** Settles when the process has ended. For a process that another one started, the status is not known. */
  readonly ended: Promise<Ended>
  #stopLooking: () => void

  private constructor(identity: ProcessIdentity, ended: Promise<Ended>, stopLooking: () => void) {
    this.identity = identity
    this.ended = ended
    this.#stopLooking = stopLooking
  }

  /**
   * Starts QEMU in the machine's folder, in a session of its own so that a terminal's ^C is not for it.
   *
   * @param attached whether it has to end when this process does
   * @throws UserError when it cannot be started
   */
  static async start(folder: string, command: ProgramCommand, attached: boolean): Promise<Emulator> {
    const log = openSync(join(folder, LOG), 'w')
    let child: ChildProcess
    try {
      child = spawn(command.file, command.args, {
        cwd: folder,
        env: command.env,
        stdio: ['ignore', log, log],
        detached: true,
      })
    } finally {
      closeSync(log)
    }
    const ended = new Promise<Ended>((resolve, reject) => {
      child.on('exit', (code, signal) => resolve({ code, signal }))
      child.on('error', error =>
        reject(new UserError(`cannot start QEMU (${command.file}): ${error.message}`)),
      )
    })
    ended.catch(() => undefined)
    const identity = child.pid === undefined ? undefined : await identify(child.pid)
    if (identity === undefined) {
      await ended
      throw new UserError(await explain(folder))
    }
    if (attached) guard(child)
    else child.unref()
    return new Emulator(identity, ended, () => undefined)
  }

  /** The running process that another command started. */
  static adopt(identity: ProcessIdentity): Emulator {
    let timer: NodeJS.Timeout | undefined
    const ended = new Promise<Ended>(resolve => {
      const look = async () => {
        if (await isRunning(identity)) timer = setTimeout(look, LOOK_INTERVAL_MS)
        else resolve({ code: null, signal: null })
      }
      void look()
    })
    return new Emulator(identity, ended, () => clearTimeout(timer))
  }

  /** Ends the process at once, as a power cut does. */
  async kill(): Promise<void> {
    if (await isRunning(this.identity)) {
      try {
        process.kill(-this.identity.pid, 'SIGKILL')
      } catch {
        // It ended by itself in between.
      }
    }
    await this.ended
  }

  /** Stops watching a process that goes on. */
  release(): void {
    this.#stopLooking()
  }
}

/** Why QEMU ended so early: the end of its log. */
export async function explain(folder: string): Promise<string> {
  const lines = (await lastLines(folder, LOG_LINES)).join('; ')
  return `QEMU ended at once: ${lines || 'it said nothing'} (${join(folder, LOG)})`
}

/** How a machine ended that nobody has told to: a failure of QEMU itself is not one of the guest. */
export async function explainEnd(folder: string, { signal }: Ended): Promise<string> {
  if (signal !== 'SIGABRT') return 'the machine ended'
  return `the machine ended, as QEMU itself failed: ${(await lastLines(folder, 1)).join()}`
}

async function lastLines(folder: string, count: number): Promise<string[]> {
  const log = await readFile(join(folder, LOG), 'utf8').catch(() => '')
  return log.trim().split('\n').slice(-count)
}

/**
 * Kills QEMU when this process is gone, even by SIGKILL: a shell waits on a pipe that only this process holds. When
 * QEMU ends first, the shell gets a line and leaves its number, which may be another's by then, alone.
 */
function guard(child: ChildProcess): void {
  const script = 'read -r line && exit 0; kill -KILL "-$1" 2>/dev/null'
  const keeper = spawn('/bin/sh', ['-c', script, 'sh', String(child.pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  keeper.on('error', () => undefined)
  keeper.stdin.on('error', () => undefined)
  child.on('exit', () => keeper.stdin.end('ended\n'))
  keeper.unref()
}
