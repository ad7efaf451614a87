import { UserError } from '#lib/errors.ts'
import {
  DISK_BUSES,
  type DiskBus,
  FIRMWARES,
  type Firmware,
  NETWORK_CARDS,
  type NetworkCard,
} from './arguments.ts'
import type { ProcessIdentity } from './identity.ts'

/** What is kept about a machine between commands, in `machine.json` of its folder. */
export interface MachineRecord {
  version: 1
  name: string
  memoryMiB: number
  cpus: number
  firmware: Firmware
  diskBus: DiskBus
  networkCard: NetworkCard
  /** SHA-256 or path that tells images apart: the machine's disk goes on from this one. */
  image: string
  /** In the network of its cluster; absent when it is in none. */
  address?: string
  /** QEMU when it was last started; absent when it was stopped in order. */
  process?: ProcessIdentity
  /** Port of 127.0.0.1 that leads to the guest's SSH. */
  sshPort?: number
  /** Where in the console's log the last start begins. */
  consoleStart?: number
}

/** What a machine may be called: it becomes a folder name and a word on a command line. */
export const NAME_PATTERN = /^[a-z][a-z0-9-]{0,31}$/

/** @throws UserError */
export function checkMachineName(name: string): string {
  if (NAME_PATTERN.test(name)) return name
  throw new UserError(
    `'${name}' cannot be a machine's name`,
    'use up to 32 lower-case letters, digits and hyphens, beginning with a letter',
  )
}

/** The text of a record, for its file. */
export function formatRecord(record: MachineRecord): string {
  return `${JSON.stringify(record, null, 2)}\n`
}

/**
 * @param path for messages
 * @throws UserError when the text is no record
 */
export function parseRecord(text: string, path: string): MachineRecord {
  const bad = (what: string) =>
    new UserError(`${path}: ${what}`, 'remove the machine with `npm run orlop -- destroy NAME`')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw bad('is not JSON')
  }
  if (typeof value !== 'object' || value === null) throw bad('is not an object')
  const fields: Record<string, unknown> = { ...value }
  if (fields['version'] !== 1)
    throw bad(`version is ${JSON.stringify(fields['version'])}, this program knows 1`)
  const words = (name: string) => {
    const found = fields[name]
    if (typeof found === 'string' && found !== '') return found
    throw bad(`${name} must be a text`)
  }
  const count = (name: string, from: Record<string, unknown> = fields) => {
    const found = from[name]
    if (typeof found === 'number' && Number.isSafeInteger(found) && found >= 0) return found
    throw bad(`${name} must be a whole number`)
  }
  const one = <T extends string>(name: string, of: readonly T[]) => {
    const found = of.find(item => item === fields[name])
    if (found !== undefined) return found
    throw bad(`${name} must be one of ${of.join(', ')}`)
  }
  const process = fields['process']
  if (process !== undefined && (typeof process !== 'object' || process === null))
    throw bad('process must be an object')
  const processFields: Record<string, unknown> = { ...process }
  const bootId = processFields['bootId']
  return {
    version: 1,
    name: words('name'),
    memoryMiB: count('memoryMiB'),
    cpus: count('cpus'),
    firmware: one('firmware', FIRMWARES),
    diskBus: one('diskBus', DISK_BUSES),
    networkCard: one('networkCard', NETWORK_CARDS),
    image: words('image'),
    ...(fields['address'] === undefined ? {} : { address: words('address') }),
    ...(process === undefined
      ? {}
      : {
          process: {
            pid: count('pid', processFields),
            startTicks: count('startTicks', processFields),
            bootId: typeof bootId === 'string' ? bootId : '',
          },
        }),
    ...(fields['sshPort'] === undefined ? {} : { sshPort: count('sshPort') }),
    ...(fields['consoleStart'] === undefined ? {} : { consoleStart: count('consoleStart') }),
  }
}
