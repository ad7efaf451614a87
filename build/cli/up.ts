import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { extname, resolve } from 'node:path'
import { UserError } from '#lib/errors.ts'
import type { Cache } from '../cache/cache.ts'
import { buildImage } from '../image.ts'
import { DISK_BUSES, type DiskFormat, FIRMWARES, NETWORK_CARDS } from '../vm/arguments.ts'
import { INSTANCES_MAX } from '../vm/cluster/config.ts'
import type { Cluster } from '../vm/cluster/host/cluster.ts'
import { beganFrom, hasDisk } from '../vm/disk.ts'
import { acceleratorFor, Machine } from '../vm/machine.ts'
import type { MachineOptions } from '../vm/plan.ts'
import type { MachineRecord } from '../vm/record.ts'
import { busyboxRegistry } from '../vm/registry/busybox.ts'
import { watchBoot } from './boot.ts'
import type { Arguments, CliContext, Command } from './command.ts'
import { waitHealthy } from './health.ts'
import { CONFIG_FLAG, lookUp, machineCalled, type NamedMachine, openCluster, openTools } from './machines.ts'

/** `orlop up`. */
export const upCommand: Command = {
  name: 'up',
  summary: 'build the image if needed and start the machines of the cluster, or those named',
  usage: '[NAME]... [--instances N] [--config FILE] [--user-data FILE] [--memory MIB] [--cpus N]',
  flags: {
    instances: {
      type: 'string',
      value: 'N',
      help: 'machines of the cluster (default 3, or as in the config)',
    },
    config: CONFIG_FLAG,
    'user-data': { type: 'string', value: 'FILE', help: 'cloud-config, Ignition, Butane or script for them' },
    memory: {
      type: 'string',
      value: 'MIB',
      help: 'memory of each (default 1024, the config, or what it had)',
    },
    cpus: { type: 'string', value: 'N', help: 'processors of each (default 1, the config, or what it had)' },
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
  operands: { min: 0, max: INSTANCES_MAX },
  examples: [
    ['npm start', 'builds, and starts core-01, core-02 and core-03, which form a cluster'],
    ['npm start -- --instances 1', 'one machine is a cluster too'],
    ['npm run orlop -- up core-02', 'that one again, after a halt or a destroy'],
    [
      'npm run orlop -- up two --memory 512 --firmware uefi',
      'one of any other name is by itself, without user-data',
    ],
  ],
  async run(parsed, context) {
    const cluster = await openCluster(parsed, context)
    const instances = parsed.count('instances', { min: 1, max: INSTANCES_MAX })
    const names =
      parsed.operands.length > 0 ? parsed.operands : cluster.members(instances).map(({ name }) => name)
    const machines = [...new Set(names)].map(machineCalled)
    const wanted: NamedMachine[] = []
    for (const machine of machines) {
      const found = await lookUp(machine.folder)
      if (found?.running) context.print(`Machine ${machine.name} runs already.`)
      else wanted.push(machine)
    }
    if (wanted.length > 0) await new Start(parsed, context, cluster, instances).run(wanted)
    const first = machines[0]!.name
    if (cluster.member(first) !== undefined && parsed.operands.length === 0)
      await waitHealthy(machines, await cluster.userData(userDataPath(parsed)), context)
    printWays(first, context)
    return 0
  },
}

/** One start of several machines. */
class Start {
  readonly #parsed: Arguments
  readonly #context: CliContext
  readonly #cluster: Cluster
  readonly #instances: number | undefined

  constructor(parsed: Arguments, context: CliContext, cluster: Cluster, instances: number | undefined) {
    this.#parsed = parsed
    this.#context = context
    this.#cluster = cluster
    this.#instances = instances
  }

  async run(machines: readonly NamedMachine[]): Promise<void> {
    const { print } = this.#context
    const cluster = this.#cluster
    // Looked at before the long work: what can not be is said at once.
    const members = machines.map(({ name }) => cluster.member(name)).filter(member => member !== undefined)
    const path = userDataPath(this.#parsed)
    const userData = members.length > 0 || path !== undefined ? await cluster.userData(path) : ''
    const common = await this.#common()
    const fresh = machines.filter(({ folder }) => !hasDisk(folder)).map(({ name }) => name)
    const count = this.#instances ?? cluster.config.numInstances
    const isEmulated = (await acceleratorFor(common.disk, common.host)) === 'tcg'
    const shared =
      members.length === 0
        ? new Map()
        : await cluster.prepare(members, userData, { count, fresh, isEmulated })
    const began = performance.now()
    const results = await Promise.allSettled(
      machines.map(async machine => {
        const special: Partial<MachineOptions> = shared.get(machine.name) ?? {}
        const alone = path === undefined ? {} : { firmwareFiles: { 'opt/io.orlop/config': userData } }
        const line = await this.#start(machine, { ...common, ...alone, ...special }, machines.length - 1)
        print(line)
      }),
    )
    const failures = results
      .filter(result => result.status === 'rejected')
      .map(({ reason }) => reason as unknown)
    if (failures.length === 1 || failures.some(reason => !(reason instanceof UserError))) throw failures[0]
    if (failures.length > 1)
      throw new UserError(failures.map(reason => (reason as UserError).message).join('; '))
    if (machines.length > 1)
      print(
        `All ${machines.length} machines are up after ${((performance.now() - began) / 1000).toFixed(0)} s.`,
      )
  }

  async #common(): Promise<
    Omit<MachineOptions, 'name' | 'folder'> & { host: Parameters<typeof Machine.start>[1] }
  > {
    const { cache, tools, host } = await openTools(this.#context)
    const { image, format } = await chooseImage(this.#parsed, this.#context, cache)
    return {
      host,
      disk: { base: image, format },
      lifetime: 'detached',
      registry: await busyboxRegistry(tools, cache),
      // Whoever reaches the console of this machine owns its disk file anyway.
      credentials: { 'agetty.autologin': 'core', 'login.noauth': 'yes' },
    }
  }

  async #start(
    { name, folder }: NamedMachine,
    {
      host,
      ...options
    }: Omit<MachineOptions, 'name' | 'folder'> & { host: Parameters<typeof Machine.start>[1] },
    beside: number,
  ): Promise<string> {
    const before = await lookUp(folder)
    const member = this.#cluster.member(name)
    const shape = machineShape(this.#parsed, before?.record, member === undefined ? {} : this.#cluster.config)
    const { disk } = options
    if (hasDisk(folder) && 'base' in disk && !(await beganFrom(folder, disk.base)))
      this.#context.progress.note(
        `${name} goes on with its own disk, begun from another image; destroy it to begin anew`,
      )
    const isNew = !existsSync(folder)
    const machine = await Machine.start({ ...options, name, folder, ...shape }, host).catch(
      async (error: unknown) => {
        // Nothing of a machine that never was: `status` would show it for ever.
        if (isNew) await rm(folder, { recursive: true, force: true })
        throw error
      },
    )
    try {
      const boot = await watchBoot(machine, beside, this.#context)
      const at = member === undefined ? '' : ` at ${member.address}`
      return `Machine ${name} is up${at}: Orlop ${boot.version}, slot ${boot.slot}, ${shape.firmware ?? 'bios'}, ${machine.accelerator}.`
    } finally {
      await machine.close()
    }
  }
}

type Shape = Pick<MachineOptions, 'memoryMiB' | 'cpus' | 'firmware' | 'diskBus' | 'networkCard'>

/** What the command line asks for, else what the machine had, else what the config says, else the defaults. */
export function machineShape(
  parsed: Arguments,
  before: MachineRecord | undefined,
  config: { vmMemory?: number; vmCpus?: number } = {},
): Shape {
  const memoryMiB =
    parsed.count('memory', { min: 256, max: 1024 * 1024 }) ?? before?.memoryMiB ?? config.vmMemory
  const cpus = parsed.count('cpus', { min: 1, max: 64 }) ?? before?.cpus ?? config.vmCpus
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

function userDataPath(parsed: Arguments): string | undefined {
  const path = parsed.text('user-data')
  return path === undefined ? undefined : resolve(path)
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

function printWays(name: string, context: CliContext): void {
  for (const line of [
    `  npm run orlop -- ssh ${name}`,
    `  npm run orlop -- ssh ${name} -- docker run busybox /bin/echo hello world`,
    `  npm run orlop -- console ${name}`,
    '  npm run orlop -- status',
    '  npm run orlop -- destroy',
  ])
    context.print(line)
}
