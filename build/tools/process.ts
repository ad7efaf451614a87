import type { ChildProcess } from 'node:child_process'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { errorCode, UserError } from '#lib/errors.ts'

/** How to run a tool. */
export interface RunOptions {
  cwd?: string
  /** Beyond those that every tool gets; the host's environment is not passed on. */
  env?: Record<string, string>
  /** What it reads from stdin; nothing when absent. */
  input?: Uint8Array | Readable
  /** Where its stdout goes: kept (the default), shown, or to a new file at this path. */
  stdout?: 'capture' | 'inherit' | { path: string }
  signal?: AbortSignal | undefined
}

/** A tool ended with an error. */
export class ToolError extends UserError {
  override readonly name: string = 'ToolError'
  /** Exit status, or undefined when a signal ended it. */
  readonly status: number | undefined
  readonly stderr: string

  constructor(message: string, status: number | undefined, stderr: string) {
    super(message)
    this.status = status
    this.stderr = stderr
  }
}

/** What a tool may print into memory. */
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024
/** Lines of stderr that an error message repeats. */
const STDERR_LINES_MAX = 5

/** Whether the program stopped reading, rather than the source failing. */
function isClosedPipe(error: unknown): boolean {
  return ['EPIPE', 'ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE'].includes(errorCode(error) ?? '')
}

/**
 * Feeds a program that was started and waits for its end.
 *
 * @param words how it was called, for messages
 * @throws ToolError when it does not exit with status 0; the error of the input when that fails
 */
export async function finish(
  child: ChildProcess,
  options: RunOptions,
  words: string[],
): Promise<{ stdout: Buffer; stderr: string }> {
  const collected: { stdout: Buffer[]; stderr: Buffer[] } = { stdout: [], stderr: [] }
  let bytes = 0
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > OUTPUT_BYTES_MAX) child.kill('SIGKILL')
      else collected[name].push(chunk)
    })
  }
  const ended = new Promise<{ status: number | null; signal: string | null }>((resolve, reject) => {
    child.on('error', error => reject(options.signal?.aborted ? options.signal.reason : error))
    child.on('close', (status, signal) => resolve({ status, signal }))
  })
  const fed = child.stdin === null ? Promise.resolve() : feed(options.input!, child)
  // Both, so that neither rejection is left unhandled; a program that ends before its input does is judged by its status.
  const [end, feeding] = await Promise.allSettled([ended, fed])
  if (end.status === 'rejected') throw end.reason
  if (feeding.status === 'rejected' && !isClosedPipe(feeding.reason)) throw feeding.reason
  const stderr = Buffer.concat(collected.stderr).toString('utf8')
  const { status, signal } = end.value
  if (status !== 0)
    throw new ToolError(describe(words, status, signal, bytes, stderr), status ?? undefined, stderr)
  return { stdout: Buffer.concat(collected.stdout), stderr }
}

async function feed(input: Uint8Array | Readable, child: ChildProcess): Promise<void> {
  const source = input instanceof Readable ? input : Readable.from([input])
  try {
    await pipeline(source, child.stdin!)
  } catch (error) {
    // A source that fails must not leave the program believing that it has seen all.
    if (!isClosedPipe(error)) child.kill('SIGKILL')
    throw error
  }
}

function describe(
  words: string[],
  status: number | null,
  signal: string | null,
  bytes: number,
  stderr: string,
): string {
  const end = status === null ? `was ended by ${signal}` : `failed with status ${status}`
  const lines = stderr.trim().split('\n').slice(-STDERR_LINES_MAX).join('; ')
  const flood = bytes > OUTPUT_BYTES_MAX ? ` (it printed more than ${OUTPUT_BYTES_MAX} bytes)` : ''
  return `\`${words.map(quote).join(' ')}\` ${end}${flood}${lines === '' ? '' : `: ${lines}`}`
}

function quote(word: string): string {
  return /^[A-Za-z0-9_./:=,+@%^-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
