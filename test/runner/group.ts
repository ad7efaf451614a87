import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import type { Readable } from 'node:stream'

/** A program under way, in a process group of its own. */
export type Program = ChildProcessByStdio<null, Readable, Readable>

/** How a program is started. */
export interface Start {
  /** A program and its arguments. */
  command: [string, ...string[]]
  cwd: string
  env: Record<string, string | undefined>
  /** Takes only what others leave of the processors. */
  yields?: boolean
}

/** How a program ended. */
export interface End {
  code: number | null
  signal: string | null
  timedOut: boolean
  /** It could not be started. */
  error?: Error
}

/** For a program that was told to end to clean up. */
const GRACE_MS = 5_000

const running = new Set<Program>()

/** Starts a program whose output is read. */
export function startProgram({ command, cwd, env, yields = false }: Start): Program {
  const [file, ...words] = command
  const program = spawn(file, words, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  running.add(program)
  if (yields && program.pid !== undefined) giveWay(program.pid)
  return program
}

/** Of a process and all that it will start. Where sessions share processors as such, theirs is what counts (sched(7)). */
function giveWay(pid: number): void {
  setPriority(pid, constants.priority.PRIORITY_LOW)
  try {
    writeFileSync(`/proc/${pid}/autogroup`, String(constants.priority.PRIORITY_LOW))
  } catch {
    // A kernel without such groups.
  }
}

/** Waits for the program itself; nothing of its group is left when this resolves, however it ended. */
export async function waitForEnd(program: Program, timeoutMs: number): Promise<End> {
  let timedOut = false
  let hard: NodeJS.Timeout | undefined
  const timer = setTimeout(() => {
    timedOut = true
    signalGroup(program, 'SIGTERM')
    hard = setTimeout(() => signalGroup(program, 'SIGKILL'), GRACE_MS)
  }, timeoutMs)
  try {
    return await new Promise<End>(resolve => {
      program.on('error', error => resolve({ code: null, signal: null, timedOut, error }))
      program.on('exit', (code, signal) => resolve({ code, signal, timedOut }))
    })
  } finally {
    clearTimeout(timer)
    clearTimeout(hard)
    running.delete(program)
    signalGroup(program, 'SIGKILL')
  }
}

/** Ends every program under way and whatever it started, for a runner that is told to stop. */
export async function endAll(): Promise<void> {
  const programs = [...running]
  for (const program of programs) signalGroup(program, 'SIGTERM')
  const gone = Promise.all(programs.map(program => new Promise(resolve => program.once('exit', resolve))))
  if (programs.length > 0) await Promise.race([gone, pause(GRACE_MS)])
  for (const program of programs) signalGroup(program, 'SIGKILL')
}

/** Waits without keeping this process alive. */
export function pause(ms: number): Promise<void> {
  return new Promise(resolve => {
    setTimeout(resolve, ms).unref()
  })
}

function signalGroup(program: Program, signal: NodeJS.Signals): void {
  if (program.pid === undefined) return
  try {
    process.kill(-program.pid, signal)
  } catch {
    // The group is gone.
  }
}
