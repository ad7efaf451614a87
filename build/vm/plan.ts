import type { DiskBus, DiskFormat, Firmware, NetworkCard, QemuPlan, SwitchPort } from './arguments.ts'
import { type GuestFile, tmpfilesLines } from './credentials.ts'

/** What a disk of a machine is. */
export type DiskOptions =
  /**
   * An image that stays untouched: the machine writes to an overlay in its folder, which is kept from start to
   * start. `sizeBytes` (default DISK_BYTES) is what the guest sees, never less than the image.
   */
  | { base: string; format: DiskFormat; sizeBytes?: number }
  /** A file that the machine itself writes to. */
  | { file: string; format: DiskFormat }
  /** QEMU's own block graph, one `-blockdev` value each; one of them has to be `node-name=disk`. */
  | { blockdevs: readonly string[] }

/** A virtual machine to be started. Only name, folder and disk have to be given. */
export interface MachineOptions {
  name: string
  /** Where its disk, sockets, keys and logs are; made when missing. One folder, one machine. */
  folder: string
  disk: DiskOptions
  firmware?: Firmware
  memoryMiB?: number
  cpus?: number
  diskBus?: DiskBus
  networkCard?: NetworkCard
  /** Plugs a second card into the network of a cluster. */
  switchPort?: SwitchPort
  /** The address that it is to have there, for those who ask about the machine. */
  address?: string
  /** systemd credentials of the guest. Those for SSH and the registry are added unless they are given here. */
  credentials?: Record<string, string | Uint8Array>
  /** Files of the firmware (fw_cfg) by name, which must begin with `opt/`. */
  firmwareFiles?: Record<string, string | Uint8Array>
  /** Files that the guest writes at every boot. */
  guestFiles?: readonly GuestFile[]
  /** Ports of the guest to be reached from this host beside SSH. */
  forwards?: readonly { guest: number; host?: number }[]
  /** Folder of a container registry that the guest's Docker asks first (registry/folder.ts). */
  registry?: string
  /** Boots this kernel instead of what is on the disk. */
  kernel?: { image: string; initrd?: string; commandLine: string }
  /** Further arguments of QEMU. */
  extra?: readonly string[]
  /** Whether a crash of this host may cost what the guest has flushed (default: true for attached machines only). */
  unsafeFlush?: boolean
  /**
   * `attached` (default): ends with this process, however that ends. `detached`: goes on until somebody stops it.
   */
  lifetime?: 'attached' | 'detached'
}

/** What a machine gets when nobody says otherwise. */
export const MEMORY_MIB = 1024
export const CPUS = 2
/** The disk a guest sees: sparse on the host, so only what is written counts. */
export const DISK_BYTES = 8 * 1024 ** 3
const MEMORY_MIB_MIN = 64
const CPUS_MAX = 64
const SSH_PORT = 22
/** Where the guest finds the registry: any address of QEMU's user network that nothing else has. */
export const REGISTRY_ADDRESS = '10.0.2.100'
const REGISTRY_PORT = 80

/** What the plan takes from the host, beside the options. */
export interface PlanHost {
  accelerator: QemuPlan['accelerator']
  dataFolders: readonly string[]
  ovmf: { code: string; variables: string }
  disk: QemuPlan['disk']
  firmwareFiles: QemuPlan['firmwareFiles']
  /** The command that serves a registry folder on its standard streams. */
  registryCommand: readonly string[]
}

/** The plan of QEMU's command line. */
export function planMachine(options: MachineOptions, host: PlanHost): QemuPlan {
  const { memoryMiB = MEMORY_MIB, cpus = CPUS, firmware = 'bios' } = options
  if (!Number.isInteger(memoryMiB) || memoryMiB < MEMORY_MIB_MIN)
    throw new RangeError(`memoryMiB must be a whole number from ${MEMORY_MIB_MIN} on, not ${memoryMiB}`)
  if (!Number.isInteger(cpus) || cpus < 1 || cpus > CPUS_MAX)
    throw new RangeError(`cpus must be from 1 to ${CPUS_MAX}, not ${cpus}`)
  return {
    name: options.name,
    accelerator: host.accelerator,
    cpus,
    memoryMiB,
    firmware,
    ...(firmware === 'uefi' ? { ovmf: host.ovmf } : {}),
    dataFolders: host.dataFolders,
    disk: host.disk,
    diskBus: options.diskBus ?? 'virtio',
    durable: !(options.unsafeFlush ?? options.lifetime !== 'detached'),
    networkCard: options.networkCard ?? 'virtio',
    ...(options.switchPort === undefined ? {} : { switchPort: options.switchPort }),
    forwards: [{ guest: SSH_PORT, host: 0 }, ...(options.forwards ?? []).map(one => ({ host: 0, ...one }))],
    guestPrograms:
      options.registry === undefined
        ? []
        : [{ address: REGISTRY_ADDRESS, port: REGISTRY_PORT, command: host.registryCommand }],
    firmwareFiles: host.firmwareFiles,
    ...(options.kernel ? { kernel: options.kernel } : {}),
    extra: options.extra ?? [],
  }
}

/** Credentials of a machine: those asked for, and what lets us in and points Docker at our registry. */
export function machineCredentials(
  options: MachineOptions,
  publicKey: string,
): Record<string, string | Uint8Array> {
  const mirrors = JSON.stringify({ 'registry-mirrors': [`http://${REGISTRY_ADDRESS}`] })
  const files: GuestFile[] = [
    ...(options.registry === undefined
      ? []
      : [{ path: '/etc/docker/daemon.json', mode: '0644', content: `${mirrors}\n` }]),
    ...(options.guestFiles ?? []),
  ]
  const given = options.credentials ?? {}
  const lines = tmpfilesLines(files) + Buffer.from(given['tmpfiles.extra'] ?? '').toString('utf8')
  return {
    'ssh.authorized_keys.core': `${publicKey}\n`,
    ...given,
    ...(lines === '' ? {} : { 'tmpfiles.extra': lines }),
  }
}

/** Host ports by guest port, out of what QEMU's monitor answers to `info usernet`. */
export function parseForwards(text: string): Map<number, number> {
  const found = new Map<number, number>()
  for (const line of text.split('\n')) {
    //   TCP[HOST_FORWARD]  12       127.0.0.1 40123       10.0.2.15    22     0     0
    const parts = /^\s*TCP\[HOST_FORWARD\]\s+\d+\s+\S+\s+(\d+)\s+\S+\s+(\d+)\s/.exec(line)
    if (parts) found.set(Number(parts[2]), Number(parts[1]))
  }
  return found
}
