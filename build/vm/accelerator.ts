import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { replaceFile } from '#lib/durable.ts'
import { decodePrimary, SECTOR, SECTORS_BEHIND } from '../disk/gpt.ts'
import { comma } from './arguments.ts'
import { PROBE_EXIT_STATUS, probeSector } from './probe-sector.ts'
import type { Programs } from './programs.ts'

/** How the guest's instructions are run: by the processor, or translated by QEMU (ten times slower, works everywhere). */
export type Accelerator = 'kvm' | 'tcg'

/** A working accelerator runs the probe in a tenth of a second. */
const PROBE_TIMEOUT_MS = 3000
/** And a kernel with its initrd in three. */
const KERNEL_TIMEOUT_MS = 30_000
const KERNEL_MEMORY_MIB = 512
/** What the initrd of an image says on the console when it has found its root. */
const KERNEL_RUNS = 'ORLOP: initrd slot='
/** Of the console that is looked through. */
const CONSOLE_BYTES_MAX = 1024 * 1024
/** A partition that images of ours have. */
const ROOT_LABEL = 'ROOT-A'

/**
 * KVM if it really runs guests here, else TCG. KVM is tried by booting, not by looking for its device: a sector first,
 * which fails at once where nothing works, then the kernel of an image, because some hosts run the one and stop at an
 * instruction of the other. The answer is kept in `cacheFolder` until the host boots again; without an image to try
 * there is none to keep, and TCG is safe. `ORLOP_ACCEL` (kvm or tcg) overrides.
 *
 * @param image a raw image; one that is not ours is not tried
 */
export async function chooseAccelerator(
  programs: Programs,
  cacheFolder: string,
  image: string | undefined,
): Promise<Accelerator> {
  const chosen = process.env['ORLOP_ACCEL']
  if (chosen === 'kvm' || chosen === 'tcg') return chosen
  if (!canOpenKvm()) return 'tcg'
  const { file } = programs.command('qemu-system-x86_64', [])
  const bootId = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')
  const question = `kernel ${bootId.trim()} ${file}`
  const cache = join(cacheFolder, 'accelerator.json')
  const known = parseAnswer(await readFile(cache, 'utf8').catch(() => ''), question)
  if (known) return known
  let accelerator: Accelerator = 'tcg'
  if (await probe(programs, 'kvm', 'host')) {
    if (image === undefined || !(await isOurs(image))) return 'tcg'
    if (await probeKernel(programs, 'kvm', 'host', image)) accelerator = 'kvm'
  }
  await mkdir(cacheFolder, { recursive: true })
  await replaceFile(cache, `${JSON.stringify({ question, accelerator })}\n`)
  return accelerator
}

/** The kept answer if it is one, and to this question. */
export function parseAnswer(text: string, question: string): Accelerator | undefined {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null) return undefined
    if (!('question' in value) || value.question !== question || !('accelerator' in value)) return undefined
    return value.accelerator === 'kvm' || value.accelerator === 'tcg' ? value.accelerator : undefined
  } catch {
    return undefined
  }
}

function canOpenKvm(): boolean {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** Whether a guest that enters 64-bit mode runs to its end under this accelerator. */
export async function probe(programs: Programs, accelerator: Accelerator, cpu: string): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'orlop-probe-'))
  try {
    const sector = join(folder, 'sector')
    await writeFile(sector, probeSector())
    const child = startProbe(programs, { accelerator, cpu, memoryMiB: 64, timeoutMs: PROBE_TIMEOUT_MS }, [
      ...['-device', 'isa-debug-exit,iobase=0xf4,iosize=4', '-no-reboot'],
      ...['-drive', `file=${comma(sector)},format=raw,if=ide,snapshot=on`],
    ])
    return await new Promise<boolean>(resolve => {
      child.on('error', () => resolve(false))
      child.on('exit', status => resolve(status === PROBE_EXIT_STATUS))
    })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Whether the kernel of an image comes up under this accelerator. The image is not written to. */
export async function probeKernel(
  programs: Programs,
  accelerator: Accelerator,
  cpu: string,
  image: string,
): Promise<boolean> {
  const how = { accelerator, cpu, memoryMiB: KERNEL_MEMORY_MIB, timeoutMs: KERNEL_TIMEOUT_MS }
  const child = startProbe(programs, how, [
    ...['-no-reboot', '-serial', 'stdio', '-monitor', 'none'],
    ...['-drive', `file=${comma(image)},format=raw,if=virtio,snapshot=on`],
  ])
  let console = ''
  return await new Promise<boolean>(resolve => {
    child.stdout.setEncoding('latin1').on('data', (chunk: string) => {
      console += chunk
      const isUp = console.includes(KERNEL_RUNS)
      if (isUp) resolve(true)
      if (isUp || console.length > CONSOLE_BYTES_MAX) child.kill('SIGKILL')
    })
    child.on('error', () => resolve(false))
    child.on('close', () => resolve(false))
  })
}

interface ProbeHow {
  accelerator: Accelerator
  cpu: string
  memoryMiB: number
  timeoutMs: number
}

function startProbe(
  programs: Programs,
  { accelerator, cpu, memoryMiB, timeoutMs }: ProbeHow,
  more: readonly string[],
): ChildProcessByStdio<null, Readable, null> {
  const { file, args, env } = programs.command('qemu-system-x86_64', [
    ...programs.dataFolders.flatMap(data => ['-L', data]),
    ...['-accel', accelerator, '-cpu', cpu, '-machine', 'pc', '-m', String(memoryMiB)],
    ...['-nodefaults', '-display', 'none', ...more],
  ])
  const stdio: ['ignore', 'pipe', 'ignore'] = ['ignore', 'pipe', 'ignore']
  return spawn(file, args, { env, stdio, timeout: timeoutMs, killSignal: 'SIGKILL' })
}

/** Whether an image is one of ours, by its partitions. */
async function isOurs(image: string): Promise<boolean> {
  const file = await open(image, 'r')
  try {
    const { size } = await file.stat()
    const bytes = Buffer.alloc(SECTORS_BEHIND * SECTOR)
    const { bytesRead } = await file.read(bytes, 0, bytes.length, SECTOR)
    if (bytesRead < bytes.length) return false
    const table = decodePrimary(bytes, Math.floor(size / SECTOR))
    return table.ok && table.gpt.partitions.some(({ name }) => name === ROOT_LABEL)
  } finally {
    await file.close()
  }
}
