import { extname, resolve } from 'node:path'
import { UserError } from '#lib/errors.ts'
import type { Cache } from '../cache/cache.ts'
import { buildImage } from '../image.ts'
import { DISK_BUSES, type DiskFormat, FIRMWARES, NETWORK_CARDS } from '../vm/arguments.ts'
import { beganFrom, hasDisk } from '../vm/disk.ts'
import { BOOT_TIMEOUT_MS, Machine } from '../vm/machine.ts'
import type { MachineOptions } from '../vm/plan.ts'
import type { MachineRecord } from '../vm/record.ts'
import { busyboxRegistry } from '../vm/registry/busybox.ts'
import type { Boot, Marker } from '../vm/transcript.ts'
import type { Arguments, CliContext, Command } from './command.ts'
import { DEFAULT_MACHINE, lookUp, namedMachine, openTools } from './machines.ts'

/** A machine that people start gets longer than one in a test: their host may be slow and they can wait. */
const PATIENCE_MS = 2 * BOOT_TIMEOUT_MS

/** `orlop up`. */
export const upCommand: Command = {
  name: 'up',
  summary: 'build the image if needed and start a machine from it',
  usage: '[NAME] [--memory MIB] [--cpus N] [--firmware bios|uefi] [--image FILE]',
  flags: {
    memory: { type: 'string', value: 'MIB', help: 'memory of the guest (default 1024, or what it had)' },
    cpus: { type: 'string', value: 'N', help: 'processors of the guest (default 2, or what it had)' },
    firmware: { type: 'string', value: 'KIND', help: 'bios or uefi (default bios, or what it had)' },
    disk: {
      type: 'string',
      value: 'BUS',
      help: 'virtio, ahci, nvme or ide (default virtio, or what it had)',
    },
    nic: { type: 'string', value: 'CARD', help: 'virtio, e1000 or e1000e (default virtio, or what it had)' },
    image: {
      type: 'string',
      value: 'FILE',
      help: 'start from this .raw, .qcow2 or .vmdk instead of building',
    },
  },
  operands: { min: 0, max: 1 },
  examples: [
    ['npm start', 'builds and starts the machine `orlop`'],
    ['npm run orlop -- up two --memory 512 --firmware uefi', 'another one beside it'],
  ],
  async run(parsed, context) {
    const { name, folder } = namedMachine(parsed)
    const found = await lookUp(folder)
    if (found?.running) {
      context.print(`Machine ${name} runs already.`)
      printWays(name, context)
      return 0
    }
    const options = { name, folder, ...machineShape(parsed, found?.record) }
    const { cache, tools, host } = await openTools(context)
    const { image, format } = await chooseImage(parsed, context, cache)
    if (hasDisk(folder) && !(await beganFrom(folder, image))) {
      context.progress.note(
        `${name} goes on with its own disk, begun from another image; destroy it to begin anew`,
      )
    }
    const machine = await Machine.start(
      {
        ...options,
        disk: { base: image, format },
        lifetime: 'detached',
        registry: await busyboxRegistry(tools, cache),
        // Whoever reaches the console of this machine owns its disk file anyway.
        credentials: { 'agetty.autologin': 'core', 'login.noauth': 'yes' },
      },
      host,
    )
    try {
      const boot = await watchBoot(machine, name, context)
      context.print(
        `Machine ${name} is up: Orlop ${boot.version}, slot ${boot.slot}, ${options.firmware ?? 'bios'}, ${machine.accelerator}.`,
      )
      printWays(name, context)
      return 0
    } finally {
      await machine.close()
    }
  },
}

type Shape = Pick<MachineOptions, 'memoryMiB' | 'cpus' | 'firmware' | 'diskBus' | 'networkCard'>

/** What the command line asks for, else what the machine had, else the defaults. */
export function machineShape(parsed: Arguments, before: MachineRecord | undefined): Shape {
  const memoryMiB = parsed.count('memory', { min: 256, max: 1024 * 1024 }) ?? before?.memoryMiB
  const cpus = parsed.count('cpus', { min: 1, max: 64 }) ?? before?.cpus
  const firmware = choice(parsed, 'firmware', FIRMWARES) ?? before?.firmware
  const diskBus = choice(parsed, 'disk', DISK_BUSES) ?? before?.diskBus
  const networkCard = choice(parsed, 'nic', NETWORK_CARDS) ?? before?.networkCard
  return {
    ...(memoryMiB === undefined ? {} : { memoryMiB }),
    ...(cpus === undefined ? {} : { cpus }),
    ...(firmware === undefined ? {} : { firmware }),
    ...(diskBus === undefined ? {} : { diskBus }),
    ...(networkCard === undefined ? {} : { networkCard }),
  }
}

function choice<T extends string>(parsed: Arguments, flag: string, of: readonly T[]): T | undefined {
  const text = parsed.text(flag)
  if (text === undefined) return undefined
  const found = of.find(item => item === text)
  if (found !== undefined) return found
  throw new UserError(`orlop up: --${flag} must be one of ${of.join(', ')}, not '${text}'`)
}

async function chooseImage(
  parsed: Arguments,
  context: CliContext,
  cache: Cache,
): Promise<{ image: string; format: DiskFormat }> {
  const given = parsed.text('image')
  if (given !== undefined) {
    const format = ({ '.raw': 'raw', '.img': 'raw', '.qcow2': 'qcow2', '.vmdk': 'vmdk' } as const)[
      extname(given)
    ]
    if (format !== undefined) return { image: resolve(given), format }
    throw new UserError(`orlop up: --image ${given}: the name must end in .raw, .img, .qcow2 or .vmdk`)
  }
  const { root, out, progress, signal } = context
  const { images } = await buildImage({ root, out, cache, progress, signal })
  return { image: images.raw, format: 'raw' }
}

/** Tells how far the boot is, until it is complete. */
async function watchBoot(machine: Machine, name: string, context: CliContext): Promise<Boot> {
  const task = context.progress.begin(`Booting ${name}`)
  const off = machine.console.onMarker(marker => {
    const line = describeMarker(marker)
    if (line) context.progress.note(`  ${line}`)
  })
  const interrupted = new Promise<never>((_, reject) => {
    context.signal.addEventListener('abort', () => reject(leftBooting(name, 'stopped waiting')), {
      once: true,
    })
  })
  interrupted.catch(() => undefined)
  try {
    return await Promise.race([machine.waitBoot({ timeoutMs: PATIENCE_MS }), interrupted])
  } catch (error) {
    if (error instanceof UserError) throw error
    throw leftBooting(name, error instanceof Error ? error.message : String(error))
  } finally {
    off()
    task.end()
  }
}

function leftBooting(name: string, reason: string): UserError {
  const operand = name === DEFAULT_MACHINE ? '' : ` ${name}`
  return new UserError(
    `machine ${name}: ${reason}`,
    `it was left as it is: see \`npm run orlop -- console${operand}\`, or end it with \`npm run orlop -- destroy${operand}\``,
  )
}

/** What a marker means to a person; undefined for those that say nothing new. */
export function describeMarker(marker: Marker): string | undefined {
  switch (marker.kind) {
    case 'grub':
      return `boot loader chose slot ${marker.slot} (${marker.tries} tries left after this one)`
    case 'initrd':
      return 'kernel runs, root file system verified and mounted'
    case 'login':
      return 'login prompt'
    case 'complete':
      return `boot complete, slot ${marker.slot} is good`
    case 'failed':
      return `boot failed: ${marker.reason}`
  }
}

function printWays(name: string, context: CliContext): void {
  const operand = name === DEFAULT_MACHINE ? '' : ` ${name}`
  for (const line of [
    `  npm run orlop -- ssh${operand}`,
    `  npm run orlop -- ssh${operand} -- docker run busybox /bin/echo hello world`,
    `  npm run orlop -- console${operand}`,
    `  npm run orlop -- status${operand}`,
    `  npm run orlop -- destroy${operand}`,
  ])
    context.print(line)
}
