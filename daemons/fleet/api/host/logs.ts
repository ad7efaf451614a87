import { spawn } from 'node:child_process'
import {
  Formatter,
  isOutput,
  Journal,
  type JournalOptions,
  matchUnit,
  matchUserUnit,
  OUTPUTS,
} from 'systemd-journald-ts'
import { ApiRefusal } from '../answer.ts'
import type { LocalUnits } from '../backend.ts'

/** How to look at this machine's units. */
export interface SystemdUnitsOptions {
  /** Units of the user's own service manager. */
  isUser: boolean
  /** Another journal than that of this machine. */
  journal?: JournalOptions | undefined
}

/** Of what `systemctl status` prints. */
const STATUS_BYTES_MAX = 1024 * 1024
/** Who is believed when a crash is reported: systemd-coredump runs as root when it reports one. */
const COREDUMP_UIDS = [0]

/** Units of this machine: their state by systemctl, their journal from its files. */
export class SystemdUnits implements LocalUnits {
  readonly #isUser: boolean
  readonly #journal: Journal

  constructor({ isUser, journal }: SystemdUnitsOptions) {
    this.#isUser = isUser
    this.#journal = new Journal(journal)
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
    if (!isOutput(output))
      throw new ApiRefusal(400, `invalid output ${JSON.stringify(output)}: one of ${OUTPUTS.join(', ')}`)
    const matches = this.#isUser
      ? matchUserUnit(name, process.getuid?.() ?? 0)
      : matchUnit(name, COREDUMP_UIDS)
    const formatter = new Formatter(output)
    let isEmpty = true
    for await (const entry of this.#journal.entries({ matches, from: { last: lines }, follow, signal })) {
      isEmpty = false
      const text = formatter.format(entry).toString('utf8')
      // An entry without a message is nothing where only messages are shown.
      if (text !== '') yield* text.slice(0, -1).split('\n')
    }
    if (isEmpty && formatter.isForPeople && !signal.aborted) yield '-- No entries --'
  }

  #scope(): string[] {
    return this.#isUser ? ['--user'] : []
  }
}
