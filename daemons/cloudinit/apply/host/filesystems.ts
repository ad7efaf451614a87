import { UserError } from '#lib/errors.ts'
import type { FilesystemStep } from '../../plan/plan.ts'
import { complaint, type Target } from './machine.ts'

/** What blkid(8) says when there is nothing it knows on a device. */
const NOTHING_FOUND = 2

/** Makes a file system on a device that has none, or that may be wiped. */
export async function applyFilesystem(step: FilesystemStep, target: Target): Promise<boolean> {
  const { device, format, label, uuid, wipe } = step
  const found = await probe(device, target)
  const fits =
    found.type === format && (label ?? found.label) === found.label && (uuid ?? found.uuid) === found.uuid
  if (fits && !wipe) return false
  if (found.type !== undefined && !wipe)
    throw new UserError(`${device} holds ${describe(found)}, and wipeFilesystem is not set`)
  const ran = await target.run(...command(step))
  if (ran.status !== 0) throw new UserError(`${device}: no ${format} could be made: ${complaint(ran)}`)
  return true
}

interface Found {
  type?: string
  label?: string
  uuid?: string
}

async function probe(device: string, target: Target): Promise<Found> {
  const ran = await target.run('blkid', ['--probe', '--output', 'export', device])
  if (ran.status === NOTHING_FOUND) return {}
  if (ran.status !== 0) throw new UserError(`${device}: ${complaint(ran)}`)
  const values = new Map(ran.stdout.split('\n').map(line => line.split(/=(.*)/s, 2) as [string, string]))
  const [type, label, uuid] = ['TYPE', 'LABEL', 'UUID'].map(name => values.get(name))
  // A table of partitions is something to lose as well.
  const held = type ?? (values.has('PTTYPE') ? 'partitions' : undefined)
  return {
    ...(held === undefined ? {} : { type: held }),
    ...(label === undefined ? {} : { label }),
    ...(uuid === undefined ? {} : { uuid }),
  }
}

function describe({ type, label }: Found): string {
  return label === undefined ? `${type}` : `${type} labelled ${label}`
}

function command({ device, format, label, uuid, options }: FilesystemStep): [string, string[]] {
  const named = (flag: string, value: string | undefined) => (value === undefined ? [] : [flag, value])
  switch (format) {
    case 'ext4':
      return ['mkfs.ext4', ['-F', ...named('-L', label), ...named('-U', uuid), ...options, device]]
    case 'vfat':
      return [
        'mkfs.vfat',
        [...named('-n', label), ...named('-i', uuid?.replace('-', '')), ...options, device],
      ]
    case 'swap':
      return ['mkswap', ['-f', ...named('-L', label), ...named('-U', uuid), ...options, device]]
  }
}
