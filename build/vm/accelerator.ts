import { spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { replaceFile } from '#lib/durable.ts'
import { PROBE_EXIT_STATUS, probeSector } from './probe-sector.ts'
import type { Programs } from './programs.ts'

/** How the guest's instructions are run: by the processor, or translated by QEMU (ten times slower, works everywhere). */
export type Accelerator = 'kvm' | 'tcg'

/** A working accelerator runs the probe in a tenth of a second. */
const PROBE_TIMEOUT_MS = 3000

/**
 * KVM if it really runs guests here, else TCG. KVM is tried by booting a sector, not by looking for its device. The
 * answer is kept in `cacheFolder` until the host boots again. `ORLOP_ACCEL` (kvm or tcg) overrides.
 */
export async function chooseAccelerator(programs: Programs, cacheFolder: string): Promise<Accelerator> {
  const chosen = process.env['ORLOP_ACCEL']
  if (chosen === 'kvm' || chosen === 'tcg') return chosen
  if (!canOpenKvm()) return 'tcg'
  const { file } = programs.command('qemu-system-x86_64', [])
  const bootId = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')
  const question = `${bootId.trim()} ${file}`
  const cache = join(cacheFolder, 'accelerator.json')
  const known = parseAnswer(await readFile(cache, 'utf8').catch(() => ''), question)
  if (known) return known
  const accelerator = (await probe(programs, 'kvm', 'host')) ? 'kvm' : 'tcg'
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
    const { file, args, env } = programs.command('qemu-system-x86_64', [
      ...programs.dataFolders.flatMap(data => ['-L', data]),
      ...[
        '-accel',
        accelerator,
        '-cpu',
        cpu,
        '-machine',
        'pc',
        '-m',
        '64',
        '-nodefaults',
        '-display',
        'none',
      ],
      ...['-device', 'isa-debug-exit,iobase=0xf4,iosize=4', '-no-reboot'],
      ...['-drive', `file=${sector.replaceAll(',', ',,')},format=raw,if=ide,snapshot=on`],
    ])
    const child = spawn(file, args, {
      env,
      stdio: 'ignore',
      timeout: PROBE_TIMEOUT_MS,
      killSignal: 'SIGKILL',
    })
    return await new Promise<boolean>(resolve => {
      child.on('error', () => resolve(false))
      child.on('exit', status => resolve(status === PROBE_EXIT_STATUS))
    })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
