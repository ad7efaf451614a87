import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Tools } from '../../../build/tools/tools.ts'
import { type PlainField, serializeFields } from '../../../daemons/journald/codec/export.ts'
import type { Random } from '../../sim/world/random.ts'

/** How Debian's writer makes a file. */
export interface Form {
  compression: 'zstd' | 'lz4' | 'xz' | 'none'
  isKeyed: boolean
  isCompact: boolean
}

const REMOTE = 'usr/lib/systemd/systemd-journal-remote'
/** Journals are for tests: nothing of what journalctl prints may depend on the host. */
const OUTPUT_BYTES_MAX = 256 * 1024 * 1024

/** Debian's programs of the journal, which make files and read them. */
export class JournalPrograms {
  readonly #tools: Tools
  readonly #running = new Set<ChildProcess>()

  constructor(tools: Tools) {
    this.#tools = tools
  }

  /** A writer of one file; what is written to it is in the file a moment later. */
  writer(file: string, { compression, isKeyed, isCompact }: Form): JournalWriter {
    const { file: program, args, env } = this.#tools.command(REMOTE, [`--output=${file}`, '-'])
    const child = spawn(program, args, {
      env: {
        ...env,
        // Names in small letters it takes for none, and its default for them.
        SYSTEMD_JOURNAL_COMPRESS: compression.toUpperCase(),
        SYSTEMD_JOURNAL_KEYED_HASH: isKeyed ? '1' : '0',
        SYSTEMD_JOURNAL_COMPACT: isCompact ? '1' : '0',
        SYSTEMD_LOG_LEVEL: 'warning',
      },
      stdio: ['pipe', 'ignore', 'inherit'],
    })
    this.#running.add(child)
    child.once('close', () => this.#running.delete(child))
    return {
      write: async entries => {
        for (const fields of entries) {
          const bytes = Buffer.concat([serializeFields(fields), Buffer.from('\n')])
          if (!child.stdin.write(bytes)) await once(child.stdin, 'drain')
        }
      },
      end: async () => {
        const closed = once(child, 'close')
        child.stdin.end()
        const [status] = await closed
        if (status !== 0) throw new Error(`systemd-journal-remote ended with status ${status}`)
      },
    }
  }

  /** Ends writers that a failed test has left. */
  close(): void {
    for (const child of this.#running) child.kill('SIGKILL')
  }

  /** Makes a whole file. */
  async make(file: string, form: Form, entries: readonly PlainField[][]): Promise<void> {
    const writer = this.writer(file, form)
    await writer.write(entries)
    await writer.end()
  }

  /** What journalctl prints. */
  async journalctl(args: readonly string[]): Promise<Buffer> {
    const words = ['--no-pager', '--utc', ...args]
    const { file, args: all, env } = this.#tools.command('journalctl', words)
    const child = spawn(file, all, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    const pieces: Buffer[] = []
    let bytes = 0
    child.stdout.on('data', (piece: Buffer) => {
      bytes += piece.length
      if (bytes <= OUTPUT_BYTES_MAX) pieces.push(piece)
    })
    let complaint = ''
    child.stderr.on('data', (piece: Buffer) => {
      complaint += piece.toString()
    })
    await once(child, 'close')
    if (child.exitCode !== 0) throw new Error(`journalctl ${args.join(' ')}: ${complaint}`)
    return Buffer.concat(pieces)
  }
}

/** A running writer. */
export interface JournalWriter {
  write(entries: readonly PlainField[][]): Promise<void>
  end(): Promise<void>
}

/** A boot of a machine. */
export interface Boot {
  bootId: string
  machineId: string
  /** Time of day of its beginning, in microseconds. */
  start: bigint
}

const UNITS = ['a.service', 'b.service', 'web@1.service', 'init.scope']
const WORDS = 'listening stopped started failed reached cannot connection refused timeout of the on'.split(
  ' ',
)

/** Entries of a boot as different as they can be, in order of time. */
export function someEntries(random: Random, boot: Boot, count: number, firstMonotonic = 1n): PlainField[][] {
  let monotonic = firstMonotonic
  return Array.from({ length: count }, (_, number) => {
    monotonic += BigInt(1 + random.below(random.below(5) === 0 ? 10_000_000 : 2000))
    const unit = UNITS[random.below(UNITS.length)]!
    const fields: PlainField[] = [
      { name: '__REALTIME_TIMESTAMP', value: String(boot.start + monotonic) },
      { name: '__MONOTONIC_TIMESTAMP', value: String(monotonic) },
      { name: '_BOOT_ID', value: boot.bootId },
      { name: '_MACHINE_ID', value: boot.machineId },
      { name: '_HOSTNAME', value: `host-${boot.machineId.slice(0, 2)}` },
      { name: 'PRIORITY', value: String(random.below(8)) },
      { name: 'NUMBER', value: String(number) },
      { name: 'SHORT', value: String(number % 10) },
      ...senderOf(random, unit),
    ]
    if (random.below(10) === 0)
      fields.push({ name: '_SOURCE_REALTIME_TIMESTAMP', value: String(boot.start + monotonic - 7n) })
    if (random.below(20) > 0) fields.push({ name: 'MESSAGE', value: messageOf(random) })
    if (random.below(15) === 0)
      fields.push(
        { name: 'TWICE', value: 'one' },
        { name: 'OTHER', value: '' },
        { name: 'TWICE', value: 'two\nlines' },
      )
    return fields
  })
}

function senderOf(random: Random, unit: string): PlainField[] {
  switch (random.below(6)) {
    case 0:
      return [
        { name: '_PID', value: '1' },
        { name: '_UID', value: '0' },
        { name: '_SYSTEMD_CGROUP', value: random.below(4) === 0 ? '/else' : '/init.scope' },
        { name: 'UNIT', value: unit },
        { name: 'SYSLOG_IDENTIFIER', value: 'systemd' },
      ]
    case 1:
      return [
        { name: '_UID', value: String(random.below(2) * 1000) },
        { name: 'OBJECT_SYSTEMD_UNIT', value: unit },
        { name: '_COMM', value: 'helper' },
        { name: 'SYSLOG_PID', value: '77' },
      ]
    case 2:
      return [
        { name: 'MESSAGE_ID', value: 'fc2e22bc6ee647b6b90729ab34a250b1' },
        { name: '_UID', value: '0' },
        { name: 'COREDUMP_UNIT', value: unit },
      ]
    case 3:
      return [
        { name: '_UID', value: '1000' },
        { name: '_SYSTEMD_USER_UNIT', value: unit },
        { name: '_SYSTEMD_UNIT', value: 'user@1000.service' },
      ]
    default:
      return [
        { name: '_PID', value: String(100 + random.below(5)) },
        { name: '_UID', value: String(random.below(3)) },
        { name: '_SYSTEMD_UNIT', value: unit },
        { name: 'SYSLOG_IDENTIFIER', value: unit.split('.')[0]! },
      ]
  }
}

function messageOf(random: Random): string | Uint8Array {
  const words = Array.from({ length: 1 + random.below(12) }, () => WORDS[random.below(WORDS.length)])
  const text = words.join(' ')
  switch (random.below(16)) {
    case 0:
      return `${text}\nsecond line\n\tthird`
    case 1:
      return Buffer.from(Array.from({ length: random.below(40) }, () => random.below(256)))
    case 2:
      return `\u001b[31m${text}\u001b[0m\tgrün ✓ 🙂`
    case 3:
      return `${text} `.repeat(1 + random.below(100))
    case 4:
      return ''
    case 5:
      return `\u0085${text}\r\n`
    case 6:
      return random.below(10) === 0 ? Buffer.from(`${text}-`.repeat(9000)) : text
    case 7:
      return random.below(10) === 0
        ? Buffer.from(Array.from({ length: 70_000 }, () => random.below(256)))
        : `"${text}" \\ ${'x'.repeat(4080 + random.below(20))}`
    default:
      return text
  }
}
