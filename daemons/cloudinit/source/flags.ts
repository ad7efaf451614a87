import { FlagError, type FlagSpec, type Flags } from '#lib/cli/flags.ts'
import { EC2_BASE, type Explicit } from './source.ts'

/** What the flags say about where the configuration comes from. */
export interface SourceFlags {
  /** Empty: the machine is looked at. */
  explicit: Explicit[]
}

/** Flags of the original that name a place, in the order of the help. */
export const SOURCE_FLAGS: readonly FlagSpec[] = [
  place('from-file', 'PATH', 'reads the user data from a file'),
  place('from-url', 'URL', 'fetches the user data'),
  place('from-configdrive', 'DIR', 'reads a config drive that is mounted'),
  { names: ['from-proc-cmdline'], type: 'bool', usage: 'fetches what the kernel command line names' },
  place('from-ec2-metadata', 'URL', `asks a metadata service in the manner of EC2, such as ${EC2_BASE}`),
  { names: ['from-vmware-guestinfo'], type: 'bool', usage: 'reads what VMware hands over' },
  place('from-vmware-ovf-env', 'PATH', 'reads an OVF environment (ovf-env.xml)'),
  place('from-waagent', 'DIR', 'reads CustomData of the agent of Azure'),
  place('oem', 'NAME', 'the places of a platform: ec2-compat or vmware'),
  place('convert-netconf', 'KIND', 'debian or vmware; networks are converted without it as well'),
  ...['gce', 'digitalocean', 'packet', 'cloudsigma'].map(
    (name): FlagSpec => ({
      names: [`from-${name}-metadata`],
      type: name === 'gce' || name === 'cloudsigma' ? 'bool' : 'string',
      usage: '',
      hidden: true,
    }),
  ),
]

/** Flags that take what they are given as it is. */
const KINDS: readonly [flag: string, kind: Explicit['kind']][] = [
  ['from-file', 'file'],
  ['from-url', 'url'],
  ['from-configdrive', 'directory'],
  ['from-ec2-metadata', 'ec2'],
  ['from-vmware-ovf-env', 'ovf'],
  ['from-waagent', 'waagent'],
]
/** The original's sets of flags for platforms, as far as all of their places are read here. */
const PLATFORMS = new Map<string, Explicit[]>([
  [
    'ec2-compat',
    [
      { kind: 'ec2', argument: EC2_BASE },
      { kind: 'drive', argument: '' },
    ],
  ],
  ['vmware', [{ kind: 'guestinfo', argument: '' }]],
])
const OTHER_PLATFORMS = new Map([
  ['digitalocean', 'its metadata service is not supported'],
  ['gce', 'its metadata service is not supported'],
  ['rackspace-onmetal', 'use -from-configdrive DIR'],
  ['azure', 'use -from-waagent DIR'],
  ['cloudsigma', 'its server context is not supported'],
  ['packet', 'its metadata service is not supported'],
])

/**
 * The places that flags name; a place twice counts once.
 *
 * @throws FlagError for a place that is not read here, or without what it needs
 */
export function readSourceFlags(flags: Flags): SourceFlags {
  const explicit: Explicit[] = []
  for (const name of ['gce', 'digitalocean', 'packet', 'cloudsigma'])
    if (flags.given(`from-${name}-metadata`))
      throw new FlagError(`-from-${name}-metadata: not supported; give the user data by another way`)
  for (const [flag, kind] of KINDS) {
    if (!flags.given(flag)) continue
    const argument = flags.text(flag)
    if (argument === '') throw new FlagError(`-${flag} must not be empty`)
    explicit.push({ kind, argument })
  }
  if (flags.on('from-proc-cmdline')) explicit.push({ kind: 'cmdline', argument: '' })
  if (flags.on('from-vmware-guestinfo')) explicit.push({ kind: 'guestinfo', argument: '' })
  explicit.push(...readPlatform(flags))
  checkConversion(flags)
  return {
    explicit: explicit.filter((one, index) => explicit.findIndex(other => isSame(one, other)) === index),
  }
}

function readPlatform(flags: Flags): Explicit[] {
  if (!flags.given('oem')) return []
  const name = flags.text('oem')
  const places = PLATFORMS.get(name)
  if (places !== undefined) return places
  const reason = OTHER_PLATFORMS.get(name)
  if (reason !== undefined) throw new FlagError(`-oem ${name}: ${reason}`)
  throw new FlagError(`-oem ${name}: must be one of ${[...PLATFORMS.keys()].join(', ')}`)
}

function checkConversion(flags: Flags): void {
  if (!flags.given('convert-netconf')) return
  const kind = flags.text('convert-netconf')
  if (kind !== 'debian' && kind !== 'vmware')
    throw new FlagError(`-convert-netconf ${kind}: must be debian or vmware`)
}

function isSame(one: Explicit, other: Explicit): boolean {
  return one.kind === other.kind && one.argument === other.argument
}

function place(name: string, placeholder: string, usage: string): FlagSpec {
  return { names: [name], type: 'string', placeholder, usage }
}
