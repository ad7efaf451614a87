import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { replaceFile } from '#lib/durable.ts'
import { errorCode, UserError } from '#lib/errors.ts'
import { identify, isRunning, type ProcessIdentity } from './identity.ts'

/** How long a process has to end after it was asked to. */
const STOP_MS = 10_000
const LOOK_MS = 50
const LOG_LINES = 3

/** A process that goes on when the command that started it has ended. */
export interface Service {
  process: ProcessIdentity
  /** The port of 127.0.0.1 that it serves. */
  port: number
}

/**
 * Starts a process of Node that goes on without this one, in a session of its own.
 *
 * @param log file that takes what it says
 * @throws UserError when it ends at once
 */
export async function startService(words: readonly string[], log: string): Promise<ProcessIdentity> {
  const file = openSync(log, 'a', 0o600)
  try {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...words], {
      stdio: ['ignore', file, file],
      detached: true,
      // It has nothing to do with the folder that somebody stands in, which may be removed.
      cwd: '/',
    })
    const failed = new Promise<never>((_, reject) => child.once('error', reject))
    failed.catch(() => undefined)
    child.unref()
    const identity = child.pid === undefined ? await failed : await identify(child.pid)
    if (identity === undefined) throw new UserError(await explain(words, log))
    return identity
  } finally {
    closeSync(file)
  }
}

/**
 * Waits until something holds, while a process goes on.
 *
 * @throws UserError when the process ends or the time is over
 */
export async function waitFor(
  what: string,
  holds: () => Promise<boolean>,
  { process, log, timeoutMs }: { process: ProcessIdentity; log: string; timeoutMs: number },
): Promise<void> {
  const endMs = performance.now() + timeoutMs
  while (!(await holds())) {
    if (!(await isRunning(process))) throw new UserError(await explain([what], log))
    if (performance.now() > endMs) throw new UserError(`${what}: not within ${timeoutMs / 1000} s (${log})`)
    await new Promise(resolve => setTimeout(resolve, LOOK_MS))
  }
}

/** Ends a process, in order if it can. */
export async function stopService(identity: ProcessIdentity): Promise<void> {
  const endMs = performance.now() + STOP_MS
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (!(await isRunning(identity))) return
    try {
      process.kill(identity.pid, signal)
    } catch {
      return // It ended by itself in between.
    }
    while ((await isRunning(identity)) && (signal === 'SIGKILL' || performance.now() < endMs))
      await new Promise(resolve => setTimeout(resolve, LOOK_MS))
  }
}

/** What was kept in a file as JSON; undefined when there is no such file, or it is damaged: then it is made anew. */
export async function readJson<T>(path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Keeps a value as JSON, for this user only. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  await replaceFile(path, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 })
}

async function explain(words: readonly string[], log: string): Promise<string> {
  const text = await readFile(log, 'utf8').catch(() => '')
  const lines = text.trim().split('\n').slice(-LOG_LINES).join('; ')
  return `${words[0]} ended at once: ${lines || 'it said nothing'} (${log})`
}
