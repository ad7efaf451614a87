import type { Accelerator } from './accelerator.ts'

/** Image formats that QEMU is started with. */
export type DiskFormat = 'raw' | 'qcow2' | 'vmdk'
/** The controller that the guest sees: each needs another driver in its kernel and initrd. */
export type DiskBus = 'virtio' | 'ahci' | 'nvme' | 'ide'
export type NetworkCard = 'virtio' | 'e1000' | 'e1000e'
export type Firmware = 'bios' | 'uefi'

/** What there is of each, for those who parse a command line or try all. */
export const DISK_BUSES: readonly DiskBus[] = ['virtio', 'ahci', 'nvme', 'ide']
export const NETWORK_CARDS: readonly NetworkCard[] = ['virtio', 'e1000', 'e1000e']
export const FIRMWARES: readonly Firmware[] = ['bios', 'uefi']

/** A port of the guest that the host reaches at 127.0.0.1. */
export interface Forward {
  guest: number
  /** 0 lets the host choose one that is free. */
  host: number
}

/** Where a machine is plugged into the switch (switch/README.md). */
export interface SwitchPort {
  /** The socket of its port, relative to the machine's folder: paths of sockets have to be short. */
  socket: string
  /** Address of the card, such as `02:00:00:00:00:01`. */
  mac: string
}

/** Everything that decides QEMU's command line. Relative paths are in the machine's folder. */
export interface QemuPlan {
  name: string
  accelerator: Accelerator
  cpus: number
  memoryMiB: number
  firmware: Firmware
  /** UEFI only: the firmware's code (shared) and this machine's copy of its variables. */
  ovmf?: { code: string; variables: string }
  dataFolders: readonly string[]
  disk: { file: string; format: DiskFormat } | { blockdevs: readonly string[] }
  diskBus: DiskBus
  /** False lets the guest's flushes return before the host's disk has the data: faster, and only the host's crash can tell. */
  durable: boolean
  networkCard: NetworkCard
  /** A second card, of the same kind, in the network that machines share. */
  switchPort?: SwitchPort
  forwards: readonly Forward[]
  /** Programs that are started for each connection of the guest to an address of its network. */
  guestPrograms: readonly { address: string; port: number; command: readonly string[] }[]
  firmwareFiles: readonly { name: string; file: string }[]
  /** Boots this kernel instead of what is on the disk. */
  kernel?: { image: string; initrd?: string; commandLine: string }
  extra: readonly string[]
}

/** Names of sockets and logs in a machine's folder. */
export const FILES = {
  console: 'console.sock',
  consoleLog: 'console.log',
  /** Control by whoever started the machine. */
  control: 'qmp.sock',
  /** Control by commands that come and go while the first socket is taken. */
  visitors: 'qmp-visitors.sock',
} as const

/** Node name of the disk in QEMU's block graph; a plan with `blockdevs` has to define it. */
export const DISK_NODE = 'disk'
/** Translated code that TCG keeps, MiB: the default makes a 1 GiB guest translate its kernel again and again. */
const TRANSLATION_CACHE_MIB = 512
/** How often a machine looks for a switch that is not there. */
const RECONNECT_MS = 1000

/** QEMU's command line. */
export function qemuArguments(plan: QemuPlan): string[] {
  return [
    ...['-name', `guest=${comma(plan.name)}`, '-nodefaults', '-no-user-config', '-display', 'none'],
    ...plan.dataFolders.flatMap(folder => ['-L', folder]),
    ...machineArguments(plan),
    ...diskArguments(plan),
    ...networkArguments(plan),
    ...['-device', 'virtio-rng-pci'],
    // Stopping is not the way of a watchdog: the boot counter has to see a restart.
    ...['-device', 'i6300esb', '-action', 'watchdog=reset'],
    ...socketDevice('console', FILES.console, FILES.consoleLog),
    ...['-serial', 'chardev:console'],
    ...[FILES.control, FILES.visitors].flatMap((file, index) => [
      ...socketDevice(`control${index}`, file),
      ...['-mon', `chardev=control${index},mode=control`],
    ]),
    ...plan.firmwareFiles.flatMap(({ name, file }) => ['-fw_cfg', `name=${name},file=${comma(file)}`]),
    ...kernelArguments(plan),
    ...plan.extra,
  ]
}

function machineArguments(plan: QemuPlan): string[] {
  // Only the older board has an IDE controller.
  const board = plan.diskBus === 'ide' ? 'pc' : 'q35'
  const accelerator = plan.accelerator === 'kvm' ? 'kvm' : `tcg,thread=multi,tb-size=${TRANSLATION_CACHE_MIB}`
  return [
    ...['-machine', board, '-accel', accelerator, '-cpu', cpuModel(plan.accelerator)],
    ...['-smp', String(plan.cpus), '-m', String(plan.memoryMiB)],
    ...(plan.ovmf
      ? [
          ...['-drive', `if=pflash,unit=0,format=raw,readonly=on,file=${comma(plan.ovmf.code)}`],
          ...['-drive', `if=pflash,unit=1,format=raw,file=${comma(plan.ovmf.variables)}`],
        ]
      : []),
  ]
}

/**
 * What programs of today ask for (x86-64-v3), by a processor that its kernel knows not to speculate: an emulated one
 * does not, and each return through a thunk against what it might have guessed is paid for. Together with interrupts
 * that are acknowledged without leaving translated code (x2apic), a boot takes 7 % less of the host's time. Features
 * that cost more than they give are not there: with `max` a guest needs a tenth longer to boot.
 */
const EMULATED_PROCESSOR = 'EPYC,+x2apic,vendor=GenuineIntel,family=6,model=54,stepping=1'

/** The processor the guest sees, as QEMU's `-cpu`. */
export function cpuModel(accelerator: Accelerator): string {
  return accelerator === 'kvm' ? 'host' : EMULATED_PROCESSOR
}

function diskArguments({ disk, diskBus, durable }: QemuPlan): string[] {
  const blockdevs =
    'blockdevs' in disk
      ? disk.blockdevs
      : [
          `driver=file,node-name=${DISK_NODE}-file,filename=${comma(disk.file)},discard=unmap,cache.no-flush=${durable ? 'off' : 'on'}`,
          `driver=${disk.format},node-name=${DISK_NODE},file=${DISK_NODE}-file,discard=unmap`,
        ]
  const device: Record<DiskBus, string> = {
    virtio: `virtio-blk-pci,drive=${DISK_NODE}`,
    ahci: `ide-hd,drive=${DISK_NODE},bus=ide.0`,
    ide: `ide-hd,drive=${DISK_NODE},bus=ide.0`,
    nvme: `nvme,drive=${DISK_NODE},serial=orlop`,
  }
  return [
    ...blockdevs.flatMap(blockdev => ['-blockdev', blockdev]),
    ...['-device', `${device[diskBus]},bootindex=1`],
  ]
}

function networkArguments({ networkCard, switchPort, forwards, guestPrograms }: QemuPlan): string[] {
  const options = [
    'user,id=net',
    ...forwards.map(({ host, guest }) => `hostfwd=tcp:127.0.0.1:${host}-:${guest}`),
    ...guestPrograms.map(
      ({ address, port, command }) =>
        `guestfwd=tcp:${address}:${port}-cmd:${comma(command.map(shellQuote).join(' '))}`,
    ),
  ]
  const device = networkCard === 'virtio' ? 'virtio-net-pci' : networkCard
  // No boot from the network: its ROM would only cost time.
  const cards = ['-netdev', options.join(','), '-device', `${device},netdev=net,romfile=`]
  if (switchPort === undefined) return cards
  const { socket, mac } = switchPort
  // The switch may come later, and come again.
  const stream = `stream,id=switch,server=off,addr.type=unix,addr.path=${comma(socket)},reconnect-ms=${RECONNECT_MS}`
  return [...cards, '-netdev', stream, '-device', `${device},netdev=switch,mac=${mac},romfile=`]
}

function kernelArguments({ kernel }: QemuPlan): string[] {
  if (kernel === undefined) return []
  const initrd = kernel.initrd === undefined ? [] : ['-initrd', kernel.initrd]
  return ['-kernel', kernel.image, ...initrd, '-append', kernel.commandLine]
}

function socketDevice(id: string, path: string, log?: string): string[] {
  const logging = log === undefined ? '' : `,logfile=${log},logappend=on`
  return ['-chardev', `socket,id=${id},path=${path},server=on,wait=off${logging}`]
}

/** A value within one of QEMU's option lists: commas are doubled. */
export function comma(value: string): string {
  return value.replaceAll(',', ',,')
}

/** A word for a POSIX shell, and for GLib's splitter that libslirp uses. */
export function shellQuote(word: string): string {
  return /^[A-Za-z0-9_./:=,+@%-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
