import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { LocalUnits } from '../backend.ts'

/** Of what `systemctl status` prints. */
const STATUS_BYTES_MAX = 1024 * 1024

/** Units of this machine by systemd's own programs. */
export class SystemdUnits implements LocalUnits {
  readonly #isUser: boolean

  constructor(isUser: boolean) {
    this.#isUser = isUser
  }

  async status(name: string, signal: AbortSignal): Promise<{ output: string; status: number }> {
    const child = spawn('systemctl', [...this.#scope(), 'status', '--no-pager', '-l', '--', name], {
      stdio: ['ignore', 'pipe', 'pipe'],
      signal,
    })
    const pieces: Buffer[] = []
    let bytes = 0
    const take = (piece: Buffer): void => {
      bytes += piece.length
      if (bytes <= STATUS_BYTES_MAX) pieces.push(piece)
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    const status = await new Promise<number>((resolve, reject) => {
      child.on('error', reject)
      child.on('close', code => resolve(code ?? 1))
    })
    return { output: Buffer.concat(pieces).toString('utf8'), status }
  }

  async *journal(
    name: string,
    { lines, follow, output }: { lines: number; follow: boolean; output: string },
    signal: AbortSignal,
  ): AsyncIterable<string> {
    const args = [
      '--no-pager',
      '-n',
      String(lines),
      '-o',
      output,
      this.#isUser ? '--user-unit' : '--unit',
      name,
    ]
    const child = spawn('journalctl', [...args, ...(follow ? ['-f'] : [])], {
      stdio: ['ignore', 'pipe', 'ignore'],
      signal,
    })
    const failed = new Promise<never>((_, reject) => child.on('error', reject))
    failed.catch(() => {}) // Looked at below, when the lines have ended.
    try {
      for await (const line of createInterface({ input: child.stdout })) yield line
      if (child.exitCode === null && !signal.aborted) {
        await Promise.race([failed, new Promise(resolve => child.on('close', resolve))])
      }
    } finally {
      child.kill()
    }
  }

  #scope(): string[] {
    return this.#isUser ? ['--user'] : []
  }
}
