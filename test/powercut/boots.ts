import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Machine, type MachineHost } from '../../build/vm/machine.ts'
import type { Cut } from './cuts.ts'
import type { Tried } from './proof.ts'
import { Random } from './random.ts'
import { openLog, Replay } from './replay.ts'

/** What a machine said after it was started from a cut disk. */
export interface Booted {
  cut: Cut
  slot: string
  /** Answer of `systemctl is-system-running`. */
  system: string
  /** Failed units, one a line; empty when there are none. */
  failedUnits: string
  /** The initrd could not use STATE. */
  stateLost: boolean
  /** MiB of the file system on STATE, which must have grown by now. */
  stateMiB: number
}

/** Generous: nothing is measured here, and other work may share the host. */
const BOOT_TIMEOUT_MS = 600_000

/**
 * Chooses cuts that are worth a boot: one of each kind of state in turn (which table is in use, tries, whether the
 * growth of STATE is under way), the rarest kind first.
 */
export function chooseBoots(tried: readonly Tried[], count: number, seed: number): Cut[] {
  const random = new Random(seed)
  const kinds = new Map<string, Cut[]>()
  for (const { cut, seen } of tried) {
    const growing = seen.fileSystemBytes !== seen.partitionBytes
    const key = JSON.stringify([seen.table, seen.slots?.a ?? 'as before', growing])
    kinds.set(key, [...(kinds.get(key) ?? []), cut])
  }
  const rarest = [...kinds.values()].toSorted((a, b) => a.length - b.length)
  const chosen: Cut[] = []
  for (let turn = 0; chosen.length < Math.min(count, tried.length); turn++) {
    const left = rarest[turn % rarest.length]!.filter(cut => !chosen.includes(cut))
    if (left.length > 0) chosen.push(random.pick(left))
  }
  return chosen.toSorted((a, b) => a.durable - b.durable)
}

/** Starts a machine from the disk of each cut and asks it how it is. */
export async function bootCuts(
  cuts: readonly Cut[],
  options: { base: string; log: string; size: number; work: string; host: MachineHost },
  note: (line: string) => void,
): Promise<Booted[]> {
  const log = await openLog(options.log)
  const working = join(options.work, 'boots.raw')
  const replay = await Replay.begin(options.base, options.size, log, working)
  const booted: Booted[] = []
  try {
    for (const cut of cuts) {
      const folder = join(options.work, `boot-${booted.length}`)
      const disk = join(options.work, 'boot.raw')
      await replay.make(cut, disk)
      booted.push(await bootOnce(cut, folder, disk, options.host))
      note(`booted after ${cut.name}`)
      await rm(folder, { recursive: true })
      await rm(disk)
    }
    return booted
  } finally {
    await replay.close()
    await log.file.close()
    await rm(working, { force: true })
  }
}

/** Starts a machine from this disk in a folder of its own, and asks it how it is. */
export async function bootOnce(cut: Cut, folder: string, disk: string, host: MachineHost): Promise<Booted> {
  const machine = await Machine.start(
    { name: 'powercut-boot', folder, disk: { file: disk, format: 'raw' } },
    host,
  )
  try {
    // Whatever number of starts it takes: a machine that restarts once more has recovered too.
    const { slot } = await machine.waitBoot({ timeoutMs: BOOT_TIMEOUT_MS })
    const ask = async (command: string) =>
      (await machine.ssh.exec(command, { timeoutMs: BOOT_TIMEOUT_MS })).stdout.trim()
    return {
      cut,
      slot,
      system: await ask('systemctl is-system-running --wait'),
      failedUnits: await ask('systemctl --failed --plain --no-legend'),
      stateLost: (await ask('test -e /run/orlop/state-lost && echo lost')) !== '',
      stateMiB: Number(await ask('df --output=size -BM /state | tail -n 1 | tr -dc 0-9')),
    }
  } catch (error) {
    throw new Error(`after ${cut.name}: ${String(error)}`, { cause: error })
  } finally {
    await machine.close()
  }
}
