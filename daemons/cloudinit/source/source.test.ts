import t from 'tap'
import { parseFlags } from '#lib/cli/flags.ts'
import { describeFlags } from '#lib/cli/help.ts'
import { parseCommandLine } from './cmdline.ts'
import { readSourceFlags, SOURCE_FLAGS } from './flags.ts'
import {
  EC2_BASE,
  explicitPlaces,
  type Facts,
  firmwarePath,
  needsNetwork,
  OEM,
  placesToTry,
  SOURCES,
} from './source.ts'

const RPCTOOL = '/usr/bin/vmware-rpctool'
const DRIVE = '/dev/disk/by-label/config-2'
const OVF_DRIVE = '/dev/disk/by-label/OVF\\x20ENV'
const INSTALLED = '/var/lib/coreos-install/user_data'
const VAGRANT = '/var/lib/coreos-vagrant/vagrantfile-user-data'
const FIRMWARE = firmwarePath('opt/org.flatcar-linux/config')

function facts(words: string, paths: string[] = [], more: Partial<Facts> = {}): Facts {
  const commandLine = parseCommandLine(words)
  const unknown = { vendor: '', product: '', productVersion: '', isVirtual: true, shares: [] }
  return { ...unknown, commandLine, paths: new Set(paths), ...more }
}

function places(facts: Facts): string[] {
  return placesToTry(facts).candidates.map(({ kind, argument }) => `${kind} ${argument}`.trim())
}

t.test('all sources at once are tried in the fixed order', t => {
  const all = facts(
    'cloud-config-url=http://a/ coreos.oem.id=ec2',
    [FIRMWARE, RPCTOOL, OVF_DRIVE, DRIVE, INSTALLED, VAGRANT, '/usr/share/oem/cloud-config.yml'],
    { vendor: 'VMware, Inc.' },
  )
  const { candidates, without } = placesToTry(all)
  t.same(without, [])
  t.same(
    candidates.map(({ source, kind, argument }) => [source, kind, argument]),
    [
      ['kernel command line', 'url', 'http://a/'],
      ['fw_cfg', 'firmware', ''],
      ['guestinfo', 'guestinfo', ''],
      ['guestinfo', 'ovf-drive', OVF_DRIVE],
      ['config drive', 'drive', DRIVE],
      ['installed user_data', 'file', INSTALLED],
      ['Vagrant', 'file', VAGRANT],
      ['metadata service', 'ec2', EC2_BASE],
    ],
  )
  t.same(
    candidates.filter(needsNetwork).map(({ kind }) => kind),
    ['url', 'ec2'],
  )
  t.same(OEM.places(all), [{ source: 'OEM', kind: 'file', argument: '/usr/share/oem/cloud-config.yml' }])
  t.end()
})

t.test('when each source applies', t => {
  const amazon = { vendor: 'Amazon EC2' }
  const cases: [name: string, facts: Facts, expected: string[]][] = [
    ['nothing', facts(''), []],
    ['a file of the OEM', facts('coreos.config.url=oem:///a/b.ign'), ['file /usr/share/oem/a/b.ign']],
    ['out of the OEM', facts('coreos.config.url=oem:///../x'), ['url oem:///../x']],
    ['the OEM itself', facts('coreos.config.url=oem:///'), ['url oem:///']],
    ['metadata of the firmware only', facts('', [firmwarePath('opt/io.orlop/metadata')]), ['firmware']],
    ['VMware without a program', facts('', [], { vendor: 'VMware, Inc.' }), []],
    ['a program without VMware', facts('', [RPCTOOL], { vendor: 'QEMU' }), []],
    ['VMware by the command line', facts('coreos.oem.id=vmware', ['/usr/bin/vmtoolsd']), ['guestinfo']],
    ['a drive in a machine', facts('', [DRIVE], { isVirtual: false }), []],
    [
      'and when it is wanted',
      facts('coreos.configdrive=1', [DRIVE], { isVirtual: false }),
      [`drive ${DRIVE}`],
    ],
    ['a drive that is forbidden', facts('coreos.configdrive=0', [DRIVE]), []],
    [
      'a drive with its label in capitals',
      facts('', ['/dev/disk/by-label/CONFIG-2']),
      ['drive /dev/disk/by-label/CONFIG-2'],
    ],
    ['a share', facts('', [], { shares: ['x', 'config-2'] }), ['share config-2']],
    ['another share', facts('', [], { shares: ['home'] }), []],
    ['a disk before a share', facts('', [DRIVE], { shares: ['config-2'] }), [`drive ${DRIVE}`]],
    ['Nitro', facts('', [], amazon), [`ec2 ${EC2_BASE}`]],
    ['Xen of EC2', facts('', [], { vendor: 'Xen', productVersion: '4.11.amazon' }), [`ec2 ${EC2_BASE}`]],
    ['OpenStack', facts('', [], { product: 'OpenStack Nova' }), [`ec2 ${EC2_BASE}`]],
    ['another cloud', facts('coreos.oem.id=gce'), []],
  ]
  for (const [name, known, expected] of cases) {
    t.same(places(known), expected, name)
    const { without, candidates } = placesToTry(known)
    const told = new Set([
      ...candidates.map(({ source }) => source),
      ...without.map(line => line.split(':')[0]),
    ])
    t.equal(told.size, SOURCES.length, `${name}: each source is told of`)
  }
  t.match(
    placesToTry(facts('', [], { vendor: 'VMware' })).without.join('\n'),
    /vmware-rpctool nor .*vmtoolsd is there/,
  )
  t.match(OEM.places(facts('')), /no .*cloud-config.yml/)
  t.end()
})

function read(...words: string[]) {
  return readSourceFlags(parseFlags(SOURCE_FLAGS, words).flags).explicit
}

t.test('flags name places', t => {
  t.same(read(), [])
  t.same(read('-from-file', 'a', '--from-url=http://b/', '-from-proc-cmdline'), [
    { kind: 'file', argument: 'a' },
    { kind: 'url', argument: 'http://b/' },
    { kind: 'cmdline', argument: '' },
  ])
  t.same(read('-from-configdrive=/m', '-from-waagent=/w', '-from-ec2-metadata=http://c/'), [
    { kind: 'directory', argument: '/m' },
    { kind: 'ec2', argument: 'http://c/' },
    { kind: 'waagent', argument: '/w' },
  ])
  t.same(read('-from-vmware-guestinfo', '-from-vmware-ovf-env', 'e', '-oem', 'vmware'), [
    { kind: 'ovf', argument: 'e' },
    { kind: 'guestinfo', argument: '' },
  ])
  t.same(read('-oem=ec2-compat', '-convert-netconf=debian').length, 2)
  const bad: [words: string[], problem: RegExp][] = [
    [['-from-gce-metadata'], /-from-gce-metadata: not supported/],
    [['-from-digitalocean-metadata', 'http://a/'], /not supported/],
    [['-from-packet-metadata=x'], /not supported/],
    [['-from-cloudsigma-metadata'], /not supported/],
    [['-oem=azure'], /-oem azure: use -from-waagent DIR/],
    [['-oem=gce'], /-oem gce: its metadata service is not supported/],
    [['-oem=mine'], /must be one of ec2-compat, vmware/],
    [['-convert-netconf=packet'], /must be debian or vmware/],
    [['-from-file='], /-from-file must not be empty/],
    [['-from-nothing'], /flag provided but not defined: -from-nothing/],
  ]
  for (const [words, problem] of bad)
    t.throws(() => read(...words), { name: 'FlagError', message: problem }, words.join(' '))
  t.notMatch(describeFlags(SOURCE_FLAGS).join('\n'), /gce|packet/)
  t.end()
})

t.test('places that flags name are tried in the order of the list', t => {
  const known = facts('cloud-config-url=http://k/', [DRIVE], { isVirtual: false })
  const explicit = read('-oem=ec2-compat', '-from-proc-cmdline', '-from-url=http://u/', '-from-file=f')
  t.same(
    explicitPlaces(explicit, known).candidates.map(({ source, kind }) => `${source}: ${kind}`),
    ['flag: file', 'flag: url', 'kernel command line: url', 'config drive: drive', 'flag: ec2'],
  )
  t.same(explicitPlaces(read('-from-proc-cmdline'), facts('')), {
    candidates: [],
    without: ['cmdline: no cloud-config-url= or coreos.config.url='],
  })
  t.end()
})
