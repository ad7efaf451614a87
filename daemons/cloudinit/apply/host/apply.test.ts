import { lstat, mkdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import type { FileStep, Step, UnitStep } from '../../plan/plan.ts'
import { type ApplyOptions, applyPlan, type Outcome } from './apply.ts'
import type { Ran, Target } from './machine.ts'

const origin = { path: 'x', line: 3, column: 1 }
const OK: Ran = { status: 0, stdout: '', stderr: '' }

interface World {
  target: Target
  ran: string[]
  logged: string[]
  answers: Map<string, Ran>
  apply(steps: Step[], options?: Partial<ApplyOptions>): Promise<Outcome>
  text(path: string): Promise<string>
  put(path: string, text: string): Promise<void>
}

async function makeWorld(t: Test): Promise<World> {
  const root = t.testdir({
    etc: {
      passwd: 'root:x:0:0::/root:/bin/bash\ncore:x:500:500::/home/core:/bin/bash\n',
      shadow: 'core:*:1:0:99999:7:::\n',
      group: 'root:x:0:\ncore:x:500:\nsudo:x:27:\n',
      gshadow: 'core:!::\nsudo:*::\n',
      skel: { '.bashrc': 'alias ll="ls -l"\n' },
    },
    usr: { lib: { systemd: { system: {} } }, share: { coreos: { 'update.conf': 'GROUP=stable\n' } } },
    proc: { sys: { kernel: { hostname: 'localhost\n' } } },
  })
  const [ran, logged]: string[][] = [[], []]
  const answers = new Map<string, Ran>()
  const target: Target = {
    root,
    run: async (program, args) => {
      const line = [program, ...args].join(' ')
      ran!.push(line)
      return answers.get(line) ?? OK
    },
    chown: false,
    today: 20_000,
    log: line => logged!.push(line),
  }
  const options = { startEnabled: false, workspace: '/var/lib/coreos-cloudinit' }
  return {
    target,
    ran: ran!,
    logged: logged!,
    answers,
    apply: (steps, more = {}) => applyPlan({ steps }, { ...options, ...more }, target),
    text: path => readFile(join(root, path), 'utf8'),
    async put(path, text) {
      await mkdir(dirname(join(root, path)), { recursive: true })
      await writeFile(join(root, path), text)
    },
  }
}

function file(path: string, text: string | undefined, more: Partial<FileStep> = {}): FileStep {
  const content = text === undefined ? {} : { content: { kind: 'inline', bytes: Buffer.from(text) } as const }
  return { kind: 'file', origin, path, append: [], overwrite: true, ...content, ...more }
}

function unit(name: string, more: Partial<UnitStep> = {}): UnitStep {
  return { kind: 'unit', origin, name, runtime: false, dropIns: [], ...more }
}

const SERVICE = '[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n'

t.test('a whole plan, and again: the second time nothing is touched', async t => {
  const world = await makeWorld(t)
  const steps: Step[] = [
    { kind: 'command', origin, unit: 'a.service', verb: 'start' },
    { kind: 'command', origin, unit: 'b.service', verb: 'start' },
    { kind: 'command', origin, unit: 'c.service', verb: 'restart' },
    unit('a.service', {
      content: SERVICE,
      enable: true,
      dropIns: [{ name: '10-x.conf', content: '[Unit]\n' }],
    }),
    unit('b.service', { mask: true, runtime: true }),
    unit('lan.network', { content: '[Match]\nName=eth1\n' }),
    {
      kind: 'settings',
      origin,
      path: '/etc/coreos/update.conf',
      template: '/usr/share/coreos/update.conf',
      values: [{ name: 'REBOOT_STRATEGY', value: 'off' }],
    },
    file('/opt/bin/tool', '#!/bin/sh\n', { mode: 0o755 }),
    { kind: 'directory', origin, path: '/srv/data/deep', mode: 0o2775, overwrite: false },
    { kind: 'link', origin, path: '/etc/tool', target: '../opt/bin/tool', hard: false, overwrite: false },
    { kind: 'link', origin, path: '/opt/bin/same', target: '/opt/bin/tool', hard: true, overwrite: false },
    {
      kind: 'keys',
      origin,
      user: 'core',
      set: 'coreos-cloudinit',
      keys: ['ssh-ed25519 AAAA a', 'ssh-rsa BBBB b'],
    },
    {
      kind: 'user',
      origin,
      name: 'elroy',
      home: '/srv/elroy',
      createHome: true,
      ownGroup: true,
      groups: ['sudo'],
      system: false,
      present: true,
      existing: 'credentials',
    },
    { kind: 'group', origin, name: 'ops', system: false, present: true },
    { kind: 'hostname', origin, name: 'core-01' },
  ]
  t.same(await world.apply(steps), { changed: 12, unchanged: 0, failures: [] })
  t.same(world.ran, [
    'systemctl daemon-reload',
    'systemctl is-active --quiet systemd-networkd.service',
    'systemctl --no-block restart systemd-networkd.service',
    'systemctl --no-block start a.service b.service',
    'systemctl --no-block restart c.service',
  ])
  t.equal(await world.text('/etc/hostname'), 'core-01\n')
  t.equal(await world.text('/proc/sys/kernel/hostname'), 'core-01')
  t.equal(await world.text('/etc/coreos/update.conf'), 'GROUP=stable\nREBOOT_STRATEGY=off\n')
  t.equal(
    await world.text('/home/core/.ssh/authorized_keys.d/coreos-cloudinit'),
    'ssh-ed25519 AAAA a\nssh-rsa BBBB b\n',
  )
  t.equal(await world.text('/srv/elroy/.bashrc'), 'alias ll="ls -l"\n')
  t.equal(await world.text('/etc/systemd/system/a.service.d/10-x.conf'), '[Unit]\n')
  t.equal(await world.text('/etc/systemd/network/lan.network'), '[Match]\nName=eth1\n')
  const at = (path: string) => join(world.target.root, path)
  t.equal(await readlink(at('/run/systemd/system/b.service')), '/dev/null')
  t.equal(
    await readlink(at('/etc/systemd/system/multi-user.target.wants/a.service')),
    '/etc/systemd/system/a.service',
  )
  t.equal((await lstat(at('/opt/bin/tool'))).mode & 0o7777, 0o755)
  t.equal((await lstat(at('/srv/data/deep'))).mode & 0o7777, 0o2775)
  t.equal((await lstat(at('/opt/bin/same'))).ino, (await lstat(at('/opt/bin/tool'))).ino)
  t.equal((await lstat(at('/srv/elroy'))).mode & 0o7777, 0o700)

  const before = (await lstat(at('/opt/bin/tool'))).mtimeMs
  world.ran.length = 0
  world.logged.length = 0
  t.same(await world.apply(steps), { changed: 0, unchanged: 12, failures: [] })
  t.equal((await lstat(at('/opt/bin/tool'))).mtimeMs, before)
  t.same(world.logged, [])
  t.same(world.ran, [
    'systemctl --no-block start a.service b.service',
    'systemctl --no-block restart c.service',
  ])
})

t.test('what fails is told by its place, and the rest goes on', async t => {
  const world = await makeWorld(t)
  await world.put('/etc/thing', 'other')
  await world.put('/dir/file', 'x')
  world.answers.set('systemctl --no-block start no.service yes.service', {
    status: 5,
    stdout: '',
    stderr: 'Failed to start no.service: Unit no.service not found.\n',
  })
  world.answers.set('systemctl --no-block start no.service', {
    status: 5,
    stdout: '',
    stderr: 'Failed to start no.service: Unit no.service not found.\n',
  })
  const { failures, changed } = await world.apply([
    file('/etc/thing', 'mine', { overwrite: false }),
    file('/dir', 'a file'),
    file('/dir/file/below', 'x'),
    file('/owned', 'x', { user: 'nobody-here' }),
    file('/fine', 'x'),
    unit('../../evil.service', { content: SERVICE }),
    unit('a.service', { dropIns: [{ name: '../x.conf', content: '' }] }),
    unit('nofile.service', { enable: true }),
    { kind: 'keys', origin, user: 'ghost', set: 'x', keys: ['k'] },
    { kind: 'link', origin, path: '/hard', target: '/nothing', hard: true, overwrite: true },
    { kind: 'command', origin, unit: 'no.service', verb: 'start' },
    { kind: 'command', origin, unit: 'yes.service', verb: 'start' },
  ])
  t.match(failures, [
    /^line 3: x: keys of ghost: there is no such user$/,
    /^line 3: x: \/etc\/thing exists with another content, and overwrite is not set$/,
    /^line 3: x: \/dir is a directory, and not replaced by a file$/,
    /^line 3: x: .*\/dir\/file\/below.*/,
    /there is no user 'nobody-here'$/,
    /there is no \/nothing to link to$/,
    /'\.\.\/\.\.\/evil\.service' is no name of a unit$/,
    /a\.service: drop-in '\.\.\/x\.conf' must be a file name that ends in \.conf$/,
    /unit nofile\.service can not be enabled: it has no file$/,
    /^systemctl --no-block start no\.service: Failed to start no\.service: Unit no\.service not found\.$/,
  ])
  t.equal(failures.length, 10)
  t.equal(changed, 1)
  t.equal(await world.text('/fine'), 'x')
  t.equal(await world.text('/etc/thing'), 'other')
  t.ok(
    world.ran.includes('systemctl --no-block start yes.service'),
    'the one that is there is started all the same',
  )
})

t.test('files by the rules of Ignition', async t => {
  const world = await makeWorld(t)
  const inline = (text: string) => ({ kind: 'inline', bytes: Buffer.from(text) }) as const
  await world.put('/log', 'one\n')
  await world.apply([
    file('/log', undefined, { append: [inline('two\n'), inline('three\n')], overwrite: false }),
    file('/empty', undefined, { overwrite: false }),
    file('/a', 'same', { overwrite: false }),
  ])
  t.equal(await world.text('/log'), 'one\ntwo\nthree\n')
  t.equal(await world.text('/empty'), '')
  t.same(
    (await world.apply([file('/a', 'same', { overwrite: false })])).failures,
    [],
    'the same content is no conflict',
  )
  await symlink('/etc/passwd', join(world.target.root, 'trap'))
  await world.apply([file('/trap', 'new')])
  t.notOk((await lstat(join(world.target.root, 'trap'))).isSymbolicLink(), 'a link is replaced, not followed')
})

t.test('units: masks, enabling, starting what is new', async t => {
  const world = await makeWorld(t)
  await world.put(
    '/usr/lib/systemd/system/t@.service',
    '[Install]\nWantedBy=multi-user.target\nAlso=side.socket\n',
  )
  await world.put('/usr/lib/systemd/system/side.socket', '[Install]\nWantedBy=sockets.target\n')
  const at = (path: string) => join(world.target.root, path)
  const first = await world.apply([unit('t@1.service', { enable: true })], { startEnabled: true })
  t.same(first.failures, [])
  t.equal(
    await readlink(at('/etc/systemd/system/multi-user.target.wants/t@1.service')),
    '/usr/lib/systemd/system/t@.service',
  )
  t.equal(
    await readlink(at('/etc/systemd/system/sockets.target.wants/side.socket')),
    '/usr/lib/systemd/system/side.socket',
  )
  t.same(world.ran, ['systemctl daemon-reload', 'systemctl --no-block start t@1.service'])
  await world.apply([unit('t@1.service', { enable: false })])
  await t.rejects(lstat(at('/etc/systemd/system/multi-user.target.wants/t@1.service')))
  await world.apply([unit('m.service', { mask: true })])
  await world.apply([unit('m.service', { mask: false })])
  await t.rejects(lstat(at('/etc/systemd/system/m.service')))
  await world.put('/etc/systemd/system/own.service', SERVICE)
  t.equal(
    (await world.apply([unit('own.service', { mask: false })])).unchanged,
    1,
    'a real unit is not taken away',
  )
  world.logged.length = 0
  await world.apply([unit('plain.service', { content: '[Service]\nExecStart=/bin/true\n', enable: true })])
  t.match(world.logged.join('\n'), 'has no [Install] section')
})

t.test('a folder of keys that is a link is not followed', async t => {
  const world = await makeWorld(t)
  await mkdir(join(world.target.root, 'home/core'), { recursive: true })
  await symlink('/etc', join(world.target.root, 'home/core/.ssh'))
  const { failures } = await world.apply([{ kind: 'keys', origin, user: 'core', set: 's', keys: ['k'] }])
  t.match(failures, [/\/home\/core\/\.ssh is a link/])
})

t.test('file systems', async t => {
  const world = await makeWorld(t)
  const probe = 'blkid --probe --output export /dev/vdb'
  const step: Step = {
    kind: 'filesystem',
    origin,
    device: '/dev/vdb',
    format: 'ext4',
    label: 'DATA',
    wipe: false,
    options: [],
  }
  world.answers.set(probe, { status: 2, stdout: '', stderr: '' })
  t.equal((await world.apply([step])).changed, 1)
  t.same(world.ran, [probe, 'mkfs.ext4 -F -L DATA /dev/vdb'])
  world.answers.set(probe, { status: 0, stdout: 'DEVNAME=/dev/vdb\nLABEL=DATA\nTYPE=ext4\n', stderr: '' })
  t.equal((await world.apply([step])).unchanged, 1)
  world.answers.set(probe, { status: 0, stdout: 'LABEL=OTHER\nTYPE=xfs\n', stderr: '' })
  t.match((await world.apply([step])).failures, [
    /\/dev\/vdb holds xfs labelled OTHER, and wipeFilesystem is not set/,
  ])
  t.equal((await world.apply([{ ...step, wipe: true }])).changed, 1)
})

t.test('a script is handed to systemd', async t => {
  const world = await makeWorld(t)
  await world.apply([{ kind: 'script', origin, content: Buffer.from('#!/bin/bash\necho hi\n') }])
  t.equal(await world.text('/var/lib/coreos-cloudinit/scripts/user-data'), '#!/bin/bash\necho hi\n')
  t.match(
    world.ran[0],
    /^systemd-run --no-block .*\/bin\/bash \/var\/lib\/coreos-cloudinit\/scripts\/user-data$/,
  )
  t.equal(
    await world.text('/var/lib/coreos-cloudinit/scripts/unit-name'),
    'coreos-cloudinit-user-data.service',
  )
})
