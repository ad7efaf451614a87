import { execFileSync } from 'node:child_process'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import type { Ran, Runner } from '../../apply/host/machine.ts'
import { DRIVE_METADATA, DRIVE_USER_DATA } from '../configdrive.ts'
import { firmwarePath } from '../source.ts'
import { gatherFacts } from './facts.ts'
import { readBounded, readInside } from './files.ts'
import { findConfig, type Search, type SearchOptions } from './sources.ts'

const TIMING = { silenceMs: 500, backoffMs: 1, backoffMaxMs: 2, triesMax: 2, deadlineMs: 3000 }
const DMI = '/sys/class/dmi/id'
const DRIVE = '/dev/disk/by-label/config-2'
const OVF_DRIVE = '/dev/disk/by-label/OVF\\x20ENV'
const INSTALLED = '/var/lib/coreos-install/user_data'
const VAGRANT = '/var/lib/coreos-vagrant/vagrantfile-user-data'
const OEM = '/usr/share/oem/cloud-config.yml'
const MOUNT_POINT = '/run/orlop/configdrive'
const OURS = firmwarePath('opt/io.orlop/config')
const METADATA = firmwarePath('opt/io.orlop/metadata')
const VIRTUAL = { '/proc/cpuinfo': 'flags\t\t: fpu hypervisor lm\n' }

type Files = Record<string, string | Uint8Array>

async function put(root: string, files: Files): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), content)
  }
}

interface Result extends Search {
  logged: string[]
}

/** Looks for the configuration of a machine that consists of these files. */
async function find(t: Test, files: Files, options: Partial<SearchOptions> = {}): Promise<Result> {
  const root = options.root ?? t.testdir({})
  await put(root, files)
  const logged: string[] = []
  const log = (line: string) => logged.push(line)
  const run: Runner = async () => ({ status: 1, stdout: '', stderr: 'not here' })
  return { ...(await findConfig({ root, network: false, log, run, timing: TIMING, ...options })), logged }
}

function text({ main }: Search): string | undefined {
  return main?.userData === undefined ? undefined : Buffer.from(main.userData).toString()
}

async function serve(t: Test, listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A runner that plays mount(8): whatever is mounted is there under its folder until it is unmounted. */
function mounts(
  root: string,
  files: Files,
  ran: string[],
  more: (program: string) => Ran | undefined = () => undefined,
) {
  const run: Runner = async (program, args) => {
    ran.push([program, ...args].join(' ').replaceAll(root, ''))
    if (program === 'mount') await put(join(root, MOUNT_POINT), files)
    return more(program) ?? { status: 0, stdout: '', stderr: '' }
  }
  return run
}

t.test('an empty machine has none, and says of each source why', async t => {
  const { main, oem, machine, failures, waitsFor, logged } = await find(t, {})
  t.same([main, oem, machine, waitsFor, failures], [undefined, undefined, undefined, undefined, []])
  t.equal(logged.length, 8)
  t.match(
    logged.join('\n'),
    /fw_cfg: no opt\/io.orlop\/config.*config drive: not in a virtual machine.*OEM: no/s,
  )
})

t.test('the first source with user data wins, and no metadata of another is mixed in', async t => {
  const root = t.testdir({})
  const files = {
    [VAGRANT]: 'vagrant',
    [INSTALLED]: 'installed',
    [firmwarePath('opt/org.flatcar-linux/config')]: 'flatcar',
    [firmwarePath('opt/com.coreos/config')]: 'coreos',
    [OEM]: 'oem',
  }
  let found: Result | undefined
  for (const path of [
    VAGRANT,
    INSTALLED,
    firmwarePath('opt/org.flatcar-linux/config'),
    firmwarePath('opt/com.coreos/config'),
  ]) {
    found = await find(t, { [path]: files[path]! }, { root })
    t.equal(text(found), files[path], path)
  }
  t.equal(found?.oem, undefined)
  await put(root, { [OURS]: 'ours', [METADATA]: '{"hostname":"core-01"}', [OEM]: 'oem' })
  found = await find(t, {}, { root })
  t.match(found.main, {
    source: 'fw_cfg',
    place: 'fw_cfg opt/io.orlop/config',
    metadata: { hostname: 'core-01' },
  })
  t.equal(text(found), 'ours')
  t.equal(Buffer.from(found.oem?.userData ?? '').toString(), 'oem')
  t.equal(found.machine, undefined, 'it is in main')
  await put(root, { [OURS]: '', [firmwarePath('opt/com.coreos/config')]: 'coreos' })
  found = await find(t, {}, { root })
  t.match(found, { main: { source: 'installed user_data', metadata: { keys: [], hostname: undefined } } })
  t.equal(found.machine?.hostname, 'core-01', 'what the machine is called is not lost')
  t.ok(
    found.logged.includes('fw_cfg: fw_cfg opt/io.orlop/config: no user data'),
    'the first name counts, empty or not',
  )
})

t.test('metadata alone, and bad metadata', async t => {
  const alone = await find(t, { [METADATA]: '{"private_ipv4":"10.0.0.1","ssh_keys":["ssh-rsa A"]}' })
  t.match(alone.main, {
    source: 'fw_cfg',
    userData: undefined,
    metadata: { substitutes: { private_ipv4: '10.0.0.1' }, keys: ['ssh-rsa A'] },
  })
  const bad = await find(t, { [METADATA]: '{"hostnam":"x"}', [OURS]: 'ours' })
  t.same(bad.failures, ["fw_cfg: metadata: unknown key 'hostnam'"])
  t.equal(text(bad), 'ours', 'the user data counts')
  const elsewhere = await find(t, {
    [METADATA]: '{"hostnam":"x"}',
    '/proc/cmdline': 'cloud-config-url=http://a/',
  })
  t.same(elsewhere.failures, bad.failures, 'also when the search ends before it')
  const twice = await find(t, { [METADATA]: '{"hostnam":"x"}', [INSTALLED]: 'installed' })
  t.same(twice.failures, bad.failures, 'and once only')
  const long = await find(t, { [OURS]: Buffer.alloc(16 * 1024 * 1024 + 1), [INSTALLED]: 'installed' })
  t.same(long.failures, ['fw_cfg: fw_cfg opt/io.orlop/config: is longer than 16777216 bytes'])
  t.equal(long.main, undefined, 'what comes after it was meant to be overruled')
})

t.test('the kernel command line: at once, when there is a network, and when it fails', async t => {
  const url = await serve(t, (request, response) => {
    if (request.url === '/cc?mac=1') response.end('#cloud-config\n')
    else response.writeHead(404).end()
  })
  const line = (path: string) => ({
    '/proc/cmdline': `quiet cloud-config-url=${url}${path} x=y\n`,
    [INSTALLED]: 'installed',
  })
  const early = await find(t, line('/cc?mac=1'))
  t.equal(early.main, undefined, 'nothing that comes after it')
  t.equal(early.waitsFor, `kernel command line: ${url}/cc?mac=1`)
  const late = await find(t, line('/cc?mac=1'), { network: true })
  t.equal(text(late), '#cloud-config\n')
  t.match(late, {
    waitsFor: undefined,
    failures: [],
    main: { source: 'kernel command line', place: `${url}/cc?mac=1` },
  })
  const missing = await find(t, line('/none'), { network: true })
  t.same(missing.failures, [`kernel command line: ${url}/none: the server answers 404`])
  t.equal(missing.main, undefined)
  const oem = await find(t, {
    '/proc/cmdline': 'coreos.config.url=oem:///a.ign',
    '/usr/share/oem/a.ign': '{}',
  })
  t.equal(text(oem), '{}')
  const outside = await find(
    t,
    { '/proc/cmdline': 'coreos.config.url=oem:///../../../etc/shadow' },
    { network: true },
  )
  t.match(outside.failures, [/oem is not supported; use http or https/])
})

const META = JSON.stringify({
  hostname: 'drive-01',
  public_keys: { mine: 'ssh-rsa A\n' },
  network_config: { content_path: '/content/0000' },
})
const INTERFACES = 'iface eth0 inet static\n address 10.0.0.5/24\n bridge_ports x\n'

t.test('a config drive is mounted, read and unmounted', async t => {
  const root = t.testdir({})
  const ran: string[] = []
  const drive = { [DRIVE_USER_DATA]: 'drive', [DRIVE_METADATA]: META, 'openstack/content/0000': INTERFACES }
  const run = mounts(root, drive, ran)
  const found = await find(t, { [DRIVE]: '', ...VIRTUAL }, { root, run })
  t.same(ran, [
    `mount -t iso9660,udf,vfat -o ro,nosuid,nodev,noexec ${DRIVE} ${MOUNT_POINT}`,
    `umount ${MOUNT_POINT}`,
  ])
  t.equal(text(found), 'drive')
  t.match(found.main, {
    source: 'config drive',
    metadata: { hostname: 'drive-01', keys: ['ssh-rsa A'] },
    networkFiles: [{ name: '00-eth0.network', content: /Address=10.0.0.5\/24/ }],
  })
  t.same(found.failures, ["config drive: openstack/content/0000: line 3: 'bridge-ports' is not supported"])
  const busy = mounts(root, drive, ran, program =>
    program === 'umount' ? { status: 32, stdout: '', stderr: 'busy' } : undefined,
  )
  t.equal(text(await find(t, {}, { root, run: busy })), 'drive')
  t.equal(ran.at(-1), `umount --lazy ${MOUNT_POINT}`)
})

t.test('a share, a drive that is no drive, and one that is forbidden', async t => {
  const root = t.testdir({})
  const ran: string[] = []
  const share = { '/sys/bus/virtio/devices/virtio3/mount_tag': 'config-2\0', ...VIRTUAL }
  const run = mounts(root, { [DRIVE_USER_DATA]: 'share' }, ran)
  t.equal(text(await find(t, share, { root, run })), 'share')
  t.match(ran[0], /^mount -t 9p -o ro,nosuid,nodev,noexec,trans=virtio,version=9p2000.L config-2 /)
  const bad: Runner = async () => ({ status: 32, stdout: '', stderr: 'mount: wrong fs type\n' })
  const rubbish = await find(
    t,
    { [DRIVE]: '', [INSTALLED]: 'installed', ...VIRTUAL },
    { root: t.testdir({}), run: bad },
  )
  t.match(rubbish.failures, [
    /^config drive: drive .*: can not be mounted as iso9660,udf,vfat: mount: wrong fs type$/,
  ])
  t.equal(rubbish.main, undefined)
  const stuck = await find(
    t,
    { [DRIVE]: '', ...VIRTUAL },
    { root: t.testdir({}), run: () => new Promise(() => undefined), localMs: 20 },
  )
  t.same(stuck.failures, ['config drive: does not answer within 0.02 s'])
  const forbidden = await find(
    t,
    { '/proc/cmdline': 'coreos.configdrive=0', [INSTALLED]: 'installed' },
    { root, run: bad },
  )
  t.equal(text(forbidden), 'installed')
})

t.test('rubbish on a config drive is told, and what is good of it counts', async t => {
  const look = async (
    files: Files,
    prepare: (folder: string) => Promise<unknown> = async () => undefined,
  ) => {
    const folder = t.testdir({})
    await put(folder, files)
    await prepare(folder)
    return await find(t, {}, { root: '/nonexistent', explicit: [{ kind: 'directory', argument: folder }] })
  }
  const noJson = await look({ [DRIVE_USER_DATA]: 'x', [DRIVE_METADATA]: Buffer.alloc(100, 0xff) })
  t.same(noJson.failures, ['flag: meta_data.json: is no JSON'])
  t.equal(text(noJson), 'x')
  const long = await look({ [DRIVE_USER_DATA]: Buffer.alloc(16 * 1024 * 1024 + 1), [DRIVE_METADATA]: META })
  t.match(long.failures, [/user_data: is longer than 16777216 bytes/, /content\/0000: is not on the drive/])
  t.match(long.main, { userData: undefined, metadata: { hostname: 'drive-01' } })
  const out = await look({ 'openstack/latest/x': '' }, folder =>
    symlink('/etc/passwd', join(folder, DRIVE_USER_DATA)),
  )
  t.match(out.failures, [/user_data: leads out of its folder/])
  const pipe = await look({ 'openstack/latest/x': '' }, async folder => {
    execFileSync('mkfifo', [join(folder, DRIVE_USER_DATA)])
  })
  t.match(pipe.failures, [/user_data: is no regular file/])
  const folder = await look({ [`${DRIVE_USER_DATA}/x`]: '' })
  t.match(folder.failures, [/user_data: is no regular file/])
  const name = await look({ [DRIVE_METADATA]: '{"hostname":"a b","public_keys":{"a":"ssh\\u0007"}}' })
  t.match(name.failures, [/hostname 'a b' can not be that/, /a public key is no line of text/])
  t.equal(name.main, undefined)
})

const VMWARE = { [`${DMI}/sys_vendor`]: 'VMware, Inc.\n', ...VIRTUAL }

function guestinfo(values: Record<string, string>, ran: string[] = []): Runner {
  return async (program, args) => {
    ran.push([program, ...args].join(' '))
    const value = values[args.at(-1)!.replace('info-get guestinfo.', '')]
    if (value === undefined) return { status: 1, stdout: 'No value found\n', stderr: '' }
    return { status: 0, stdout: `${value}\n`, stderr: '' }
  }
}

t.test('guestinfo by a program of VMware, or why not', async t => {
  const url = await serve(t, (_request, response) => response.end('fetched'))
  const files = { ...VMWARE, '/usr/bin/vmtoolsd': '', [INSTALLED]: 'installed' }
  const ran: string[] = []
  const run = guestinfo(
    { 'coreos.config.data': 'given', hostname: 'vm', 'interface.0.name': 'e', 'interface.0.dhcp': 'yes' },
    ran,
  )
  const given = await find(t, files, { run })
  t.equal(text(given), 'given')
  t.equal(ran[0], '/usr/bin/vmtoolsd --cmd info-get guestinfo.orlop.config.data')
  t.match(given.main, {
    source: 'guestinfo',
    metadata: { hostname: 'vm' },
    networkFiles: [{ name: '00-e.network' }],
  })
  const pointing = guestinfo({ 'coreos.config.url': url, hostname: 'vm' })
  const early = await find(t, files, { run: pointing })
  t.match(early, { main: undefined, waitsFor: /guestinfo/ })
  const late = await find(t, { ...files, '/usr/bin/vmware-rpctool': '' }, { run: pointing, network: true })
  t.equal(text(late), 'fetched')
  t.equal(late.main?.metadata.hostname, 'vm')
  const broken = await find(t, files, {
    run: guestinfo({ 'coreos.config.data': '?', 'coreos.config.data.encoding': 'base64' }),
  })
  t.same(broken.failures, ['guestinfo: guestinfo: coreos.config.data is no base64'])
  const failing: Runner = async () => ({
    status: 255,
    stdout: '',
    stderr: 'Failed sending message to VMware.\n',
  })
  t.match((await find(t, files, { run: failing })).failures, [/vmtoolsd: Failed sending message/])
  const without = await find(t, VMWARE, { root: t.testdir({}) })
  t.match(without.logged.join('\n'), /guestinfo: neither .* is there to read it/)
  t.same(without.failures, [], 'that is no failure')
  const explicit: SearchOptions['explicit'] = [{ kind: 'guestinfo', argument: '' }]
  t.match((await find(t, {}, { root: t.testdir({}), explicit })).failures, [
    /neither .*; use an OVF environment/,
  ])
})

const OVF = `<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1" xmlns:oe="http://schemas.dmtf.org/ovf/environment/1">
<PropertySection><Property oe:key="guestinfo.coreos.config.data" oe:value="from the disc"/></PropertySection></Environment>`

t.test('an OVF environment, on its disc and in a file', async t => {
  const root = t.testdir({})
  const ran: string[] = []
  const run = mounts(root, { 'ovf-env.xml': OVF }, ran)
  const found = await find(t, { ...VMWARE, [OVF_DRIVE]: '' }, { root, run })
  t.equal(text(found), 'from the disc')
  t.match(ran[0], /^mount .* \/dev\/disk\/by-label\/OVF\\x20ENV /)
  const path = join(root, 'env.xml')
  await put('/', { [path]: OVF })
  t.equal(text(await find(t, {}, { root, explicit: [{ kind: 'ovf', argument: path }] })), 'from the disc')
  await put('/', { [path]: OVF.slice(0, -3) })
  t.match((await find(t, {}, { root, explicit: [{ kind: 'ovf', argument: path }] })).failures, [
    /line 2: <\/Environme> closes nothing/,
  ])
  t.match((await find(t, {}, { root, explicit: [{ kind: 'ovf', argument: `${path}x` }] })).failures, [
    /no such file/,
  ])
})

t.test('a metadata service in the manner of EC2', async t => {
  const answers: Record<string, string> = {
    'user-data': '#cloud-config\n',
    'meta-data/public-keys': '0=mine',
    'meta-data/public-keys/0/openssh-key': 'ssh-rsa A',
    'meta-data/hostname': 'ip-1 local',
    'meta-data/local-ipv4': '10.0.0.1',
  }
  let wantsToken = false
  const url = await serve(t, (request, response) => {
    const { method, headers, url = '' } = request
    const answer = answers[url.replace('/2009-04-04/', '')]
    if (method === 'PUT' && url === '/latest/api/token')
      response.end(headers['x-aws-ec2-metadata-token-ttl-seconds'] && 'TOKEN')
    else if (wantsToken && headers['x-aws-ec2-metadata-token'] !== 'TOKEN') response.writeHead(401).end()
    else response.writeHead(answer === undefined ? 404 : 200).end(answer)
  })
  const explicit: SearchOptions['explicit'] = [{ kind: 'ec2', argument: url }]
  const root = t.testdir({})
  const expected = { hostname: 'ip-1', keys: ['ssh-rsa A'], substitutes: { private_ipv4: '10.0.0.1' } }
  for (const wants of [false, true]) {
    wantsToken = wants
    const found = await find(t, {}, { root, explicit, network: true })
    t.equal(text(found), '#cloud-config\n')
    t.match(found, { failures: [], main: { metadata: expected } }, `token: ${wants}`)
  }
  delete answers['user-data']
  t.match((await find(t, {}, { root, explicit, network: true })).main, {
    userData: undefined,
    metadata: expected,
  })
  t.match(await find(t, {}, { root, explicit }), { main: undefined, waitsFor: `flag: ${url}` })
  const down = await serve(t, (_request, response) => response.writeHead(500).end())
  const failed = await find(t, {}, { root, explicit: [{ kind: 'ec2', argument: down }], network: true })
  t.match(failed, { main: undefined, failures: [/user-data: the server answers 500 \(tried 2 times\)/] })
})

t.test('files and folders that flags name', async t => {
  const folder = t.testdir({ a: 'file', empty: '', CustomData: 'azure' })
  const look = (kind: 'file' | 'waagent', path: string) =>
    find(t, {}, { root: '/nonexistent', explicit: [{ kind, argument: path }] })
  t.equal(text(await look('file', join(folder, 'a'))), 'file')
  t.equal(text(await look('waagent', folder)), 'azure')
  t.match(await look('file', join(folder, 'none')), {
    main: undefined,
    failures: [/none: no such file or directory/],
  })
  t.match(await look('file', folder), { main: undefined, failures: [/is no regular file/] })
  t.match(await look('file', '/dev/zero'), { main: undefined, failures: [/is no regular file/] })
  t.match(await look('file', join(folder, 'empty')), { main: undefined, failures: [] })
  const none = await find(t, {}, { explicit: [{ kind: 'cmdline', argument: '' }] })
  t.same(none.failures, ['cmdline: no cloud-config-url= or coreos.config.url='])
})

t.test('what is known of a machine', async t => {
  const root = t.testdir({})
  await put(root, {
    '/proc/cmdline': 'coreos.oem.id=x\n',
    '/proc/cpuinfo': 'flags : fpu lm\nmodel name : hypervisor\n',
    [`${DMI}/sys_vendor`]: 'Dell Inc.\n',
    [`${DMI}/product_name`]: 'PowerEdge\n',
    [INSTALLED]: 'x',
  })
  t.match(await gatherFacts(root), {
    commandLine: { oemId: 'x' },
    vendor: 'Dell Inc.',
    product: 'PowerEdge',
    isVirtual: false,
    shares: [],
    paths: new Set([INSTALLED]),
  })
  await put(root, { '/sys/hypervisor/type': 'xen\n' })
  t.ok((await gatherFacts(root)).isVirtual)
})

t.test('files have bounds', async t => {
  const folder = t.testdir({ a: 'x'.repeat(100), sub: { b: 'y', in: t.fixture('symlink', '../a') } })
  t.equal((await readBounded(join(folder, 'a'), 100))?.length, 100)
  await t.rejects(readBounded(join(folder, 'a'), 99), { message: /longer than 99 bytes/ })
  t.equal(await readBounded(join(folder, 'a', 'b'), 99), undefined)
  t.equal((await readInside(folder, 'sub/in', 100))?.length, 100, 'a link inside is followed')
  await t.rejects(readInside(join(folder, 'sub'), 'in', 100), { message: /in: leads out/ })
  await t.rejects(readInside(join(folder, 'sub'), '../a', 100), { message: /leads out/ })
  t.equal(await readInside(join(folder, 'none'), 'a', 100), undefined)
})
