import type { Metadata } from '../metadata/metadata.ts'
import type { CommandLine } from './cmdline.ts'
import type { NetworkFile } from './networkd.ts'

/** What a source was found to say. */
export interface Found {
  source: SourceName
  /** Where it was, for messages, such as a path or a URL. */
  place: string
  /** Absent when it has none, or an empty one. */
  userData: Uint8Array | undefined
  metadata: Metadata
  /** Network cards, as files for systemd-networkd. */
  networkFiles: NetworkFile[]
}

/** The places a configuration comes from. */
export type SourceName =
  | 'flag'
  | 'kernel command line'
  | 'fw_cfg'
  | 'guestinfo'
  | 'config drive'
  | 'installed user_data'
  | 'Vagrant'
  | 'metadata service'
  | 'OEM'

/** What is known of a machine before any configuration is looked for. */
export interface Facts {
  commandLine: CommandLine
  /** Those of `FACT_PATHS` that exist. */
  paths: ReadonlySet<string>
  /** Of the firmware (DMI), trimmed; empty when unknown. */
  vendor: string
  product: string
  productVersion: string
  /** Whether the processor says that there is a hypervisor. */
  isVirtual: boolean
  /** Tags of 9p shares that the hypervisor offers. */
  shares: readonly string[]
}

/** How a place is read. */
export type Kind =
  | 'file'
  | 'url'
  | 'firmware'
  | 'guestinfo'
  | 'ovf'
  | 'ovf-drive'
  | 'directory'
  | 'drive'
  | 'share'
  | 'ec2'
  | 'waagent'

/** A place that is to be looked at. */
export interface Candidate {
  source: SourceName
  kind: Kind
  /** Path, URL, device or tag, by the kind. */
  argument: string
}

/** A place that a flag names. */
export interface Explicit {
  /** `cmdline`: whatever the kernel's command line points to; `drive`: a config drive, if there is one. */
  kind: 'file' | 'url' | 'cmdline' | 'guestinfo' | 'ovf' | 'directory' | 'drive' | 'ec2' | 'waagent'
  /** Empty when the kind needs none. */
  argument: string
}

/** A source in the list of all. */
export interface Source {
  name: SourceName
  /** The places it has on a machine, if any; a text says why it has none. */
  places(facts: Facts): Candidate[] | string
}

const FW_CFG = '/sys/firmware/qemu_fw_cfg/by_name'
const LABELS = '/dev/disk/by-label'

/** Names of the firmware's files with user data, the first that exists counts: ours, Ignition's, and Flatcar's. */
export const FIRMWARE_NAMES = ['opt/io.orlop/config', 'opt/com.coreos/config', 'opt/org.flatcar-linux/config']
/** Name of the firmware's file with metadata. */
export const FIRMWARE_METADATA = 'opt/io.orlop/metadata'
/** Where the kernel (module qemu_fw_cfg) shows the file of a name. */
export function firmwarePath(name: string): string {
  return `${FW_CFG}/${name}/raw`
}

/** Label and 9p tag of a config drive. */
export const DRIVE_LABEL = 'config-2'
/** On vfat, labels may be in capitals. */
const DRIVES = [`${LABELS}/${DRIVE_LABEL}`, `${LABELS}/${DRIVE_LABEL.toUpperCase()}`]
/** udev writes a blank of a label like this. */
const OVF_DRIVE = `${LABELS}/OVF\\x20ENV`
const INSTALLED = '/var/lib/coreos-install/user_data'
const VAGRANT = '/var/lib/coreos-vagrant/vagrantfile-user-data'
const OEM_FOLDER = '/usr/share/oem'
const OEM_FILES = [`${OEM_FOLDER}/cloud-config.yml`, `${OEM_FOLDER}/config.ign`]
/** Programs that read guestinfo. Reading it without them takes instructions for I/O ports. */
export const GUESTINFO_PROGRAMS = ['/usr/bin/vmware-rpctool', '/usr/bin/vmtoolsd']
/** Where platforms in the manner of EC2 answer. */
export const EC2_BASE = 'http://169.254.169.254/'

/** The paths whose existence decides which sources there are. */
export const FACT_PATHS: readonly string[] = [
  ...[...FIRMWARE_NAMES, FIRMWARE_METADATA].map(firmwarePath),
  ...GUESTINFO_PROGRAMS,
  ...DRIVES,
  OVF_DRIVE,
  INSTALLED,
  VAGRANT,
  ...OEM_FILES,
]

/**
 * All sources, the first before the others: the configuration of a machine is the user data of the first one that has
 * any. `OEM` is not among them; it comes first and in addition.
 *
 * 1. What stands on the kernel's command line was said for this very start.
 * 2. What the hypervisor hands over was said for this machine: fw_cfg, guestinfo, a config drive.
 * 3. What lies on its disk was said when it was installed.
 * 4. What the network of a cloud says comes last, for anybody in that network could say it.
 */
export const SOURCES: readonly Source[] = [
  { name: 'kernel command line', places: commandLinePlaces },
  { name: 'fw_cfg', places: firmwarePlaces },
  { name: 'guestinfo', places: guestinfoPlaces },
  { name: 'config drive', places: drivePlaces },
  { name: 'installed user_data', places: facts => filePlaces(facts, 'installed user_data', [INSTALLED]) },
  { name: 'Vagrant', places: facts => filePlaces(facts, 'Vagrant', [VAGRANT]) },
  { name: 'metadata service', places: metadataPlaces },
]

/** What the image of a platform says; it is applied first, whatever else there is. */
export const OEM: Source = { name: 'OEM', places: facts => filePlaces(facts, 'OEM', OEM_FILES) }

/** Whether a place can be looked at only when there is a network. */
export function needsNetwork({ kind }: Candidate): boolean {
  return kind === 'url' || kind === 'ec2'
}

/** The places to look at, in their order, and why the other sources have none. */
export function placesToTry(facts: Facts): { candidates: Candidate[]; without: string[] } {
  const candidates: Candidate[] = []
  const without: string[] = []
  for (const { name, places } of SOURCES) {
    const found = places(facts)
    if (typeof found === 'string') without.push(`${name}: ${found}`)
    else candidates.push(...found)
  }
  return { candidates, without }
}

/** The places that flags name, in the order of the list of sources; those of one kind in the order of the flags. */
export function explicitPlaces(
  explicit: readonly Explicit[],
  facts: Facts,
): { candidates: Candidate[]; without: string[] } {
  const candidates: Candidate[] = []
  const without: string[] = []
  const ordered = [...explicit].sort(
    (a, b) => EXPLICIT_ORDER.indexOf(a.kind) - EXPLICIT_ORDER.indexOf(b.kind),
  )
  for (const { kind, argument } of ordered) {
    const places =
      kind === 'cmdline'
        ? commandLinePlaces(facts)
        : kind === 'drive'
          ? drives(facts)
          : [{ source: 'flag' as const, kind, argument }]
    if (typeof places === 'string') without.push(`${kind}: ${places}`)
    else candidates.push(...places)
  }
  return { candidates, without }
}

/** A file that a flag names was meant before all else. */
const EXPLICIT_ORDER: readonly Explicit['kind'][] = [
  'file',
  'url',
  'cmdline',
  'guestinfo',
  'ovf',
  'directory',
  'drive',
  'waagent',
  'ec2',
]

function commandLinePlaces({ commandLine }: Facts): Candidate[] | string {
  const url = commandLine.configUrl
  if (url === undefined) return 'no cloud-config-url= or coreos.config.url='
  const source = 'kernel command line'
  const oem = /^oem:\/*(.*)$/.exec(url)?.[1]
  // A path that leaves the folder is not cleaned up, it is refused as the URL it is.
  if (oem === undefined || oem === '' || oem.split('/').some(part => /^\.*$/.test(part)))
    return [{ source, kind: 'url', argument: url }]
  return [{ source, kind: 'file', argument: `${OEM_FOLDER}/${oem}` }]
}

function firmwarePlaces({ paths }: Facts): Candidate[] | string {
  const names = [...FIRMWARE_NAMES, FIRMWARE_METADATA]
  if (!names.some(name => paths.has(firmwarePath(name)))) return `no ${FIRMWARE_NAMES.join(', ')}`
  return [{ source: 'fw_cfg', kind: 'firmware', argument: '' }]
}

function guestinfoPlaces({ paths, vendor, product, isVirtual, commandLine }: Facts): Candidate[] | string {
  const isVmware = isVirtual && /vmware/i.test(`${vendor} ${product}`)
  if (!isVmware && commandLine.oemId !== 'vmware') return 'not on VMware'
  const places: Candidate[] = []
  if (GUESTINFO_PROGRAMS.some(path => paths.has(path)))
    places.push({ source: 'guestinfo', kind: 'guestinfo', argument: '' })
  if (paths.has(OVF_DRIVE)) places.push({ source: 'guestinfo', kind: 'ovf-drive', argument: OVF_DRIVE })
  if (places.length > 0) return places
  return `neither ${GUESTINFO_PROGRAMS.join(' nor ')} is there to read it, nor a disc labelled 'OVF ENV'`
}

function drivePlaces(facts: Facts): Candidate[] | string {
  const wanted = facts.commandLine.configDrive
  if (wanted === false) return 'forbidden on the kernel command line'
  if (wanted === undefined && !facts.isVirtual) return 'not in a virtual machine, and no coreos.configdrive=1'
  return drives(facts)
}

function drives({ paths, shares }: Facts): Candidate[] | string {
  const source = 'config drive'
  const drive = DRIVES.find(path => paths.has(path))
  if (drive !== undefined) return [{ source, kind: 'drive', argument: drive }]
  if (shares.includes(DRIVE_LABEL)) return [{ source, kind: 'share', argument: DRIVE_LABEL }]
  return `no disk labelled ${DRIVE_LABEL}, and no 9p share of that tag`
}

function filePlaces({ paths }: Facts, source: SourceName, wanted: readonly string[]): Candidate[] | string {
  const path = wanted.find(path => paths.has(path))
  return path === undefined ? `no ${wanted.join(', ')}` : [{ source, kind: 'file', argument: path }]
}

function metadataPlaces({ vendor, product, productVersion, commandLine }: Facts): Candidate[] | string {
  const firmware = `${vendor} ${product} ${productVersion}`
  const isAmazon = /\bamazon\b/i.test(firmware)
  const isOpenStack = /\bopenstack\b/i.test(firmware)
  if (!isAmazon && !isOpenStack && !EC2_PLATFORMS.has(commandLine.oemId ?? ''))
    return 'neither on EC2 nor on OpenStack, and no coreos.oem.id=ec2'
  return [{ source: 'metadata service', kind: 'ec2', argument: EC2_BASE }]
}

const EC2_PLATFORMS = new Set(['ec2', 'ec2-compat', 'aws', 'ami', 'openstack'])
