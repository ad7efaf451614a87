import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { renderFindings } from '../cloudconfig/render.ts'
import { describeStep } from '../plan/describe.ts'
import type { Step } from '../plan/plan.ts'
import { type CompiledIgnition, compileIgnition } from './compile.ts'
import { emitPlan } from './emit.ts'
import { escapePath } from './steps.ts'

const V = { version: '3.4.0' }

function ignition(config: object, fetched: Record<string, object | string> = {}): CompiledIgnition {
  const others = Object.entries(fetched).map(([url, value]): [string, Buffer] => [
    url,
    Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
  ])
  return compileIgnition(JSON.stringify({ ignition: V, ...config }), 'ignition', new Map(others))
}

const lines = ({ plan }: CompiledIgnition): string[] => plan.steps.map(describeStep)
const problems = ({ findings }: CompiledIgnition): string[] =>
  findings.map(({ severity, message }) => `${severity}: ${message}`)
const file = (more: object) => ({ storage: { files: [{ path: '/a', ...more }] } })
const bytesOf = (step: Step | undefined): string =>
  step?.kind === 'file' && step.content?.kind === 'inline'
    ? Buffer.from(step.content.bytes).toString('latin1')
    : 'none'

t.test('all that is carried out', t => {
  const compiled = ignition({
    passwd: {
      groups: [
        { name: 'ops', gid: 700 },
        { name: 'gone', shouldExist: false },
      ],
      users: [
        {
          ...{
            name: 'core',
            sshAuthorizedKeys: ['ssh-ed25519 AAAA x'],
            passwordHash: '$6$a$b',
            groups: ['docker'],
          },
          ...{
            uid: 500,
            homeDir: '/home/core',
            noCreateHome: true,
            primaryGroup: 'core',
            shell: '/bin/sh',
            system: false,
          },
        },
        { name: 'eve', shouldExist: false },
      ],
    },
    storage: {
      filesystems: [
        { device: '/dev/vdb', format: 'ext4', label: 'D', wipeFilesystem: true, options: ['-m', '1'] },
      ],
      directories: [{ path: '/d', mode: 493, user: { name: 'core' }, group: { id: 500 } }],
      files: [
        { path: '/a', mode: 420, contents: { source: 'data:,x' }, overwrite: true },
        { path: '/b', append: [{ source: 'data:,y' }] },
        {
          path: '/c',
          contents: {
            source: 'https://h/c',
            httpHeaders: [{ name: 'X-A', value: 'b' }],
            compression: 'gzip',
          },
        },
      ],
      links: [
        { path: '/l', target: '/a' },
        { path: '/h', target: '/a', hard: true, overwrite: true },
      ],
    },
    systemd: {
      units: [
        {
          name: 'a.service',
          enabled: true,
          contents: '[Service]\n[Install]\nWantedBy=multi-user.target\n',
          dropins: [{ name: 'x.conf', contents: '[Unit]\n' }],
        },
        { name: 'b.service', mask: true, enabled: false },
      ],
    },
  })
  t.same(problems(compiled), [])
  t.same(lines(compiled), [
    'group ops (700)',
    'no group gone',
    'user core (500) in docker, with a password',
    '1 key of core in set ignition',
    'no user eve',
    'ext4 on /dev/vdb labelled D',
    'directory /d 0755 core:500',
    'file /a 0644, 1 byte',
    'file /b, 1 byte',
    'file /c, https://h/c',
    'link /l to /a',
    'hard link /h to /a',
    'unit a.service: written, drop-in x.conf, enabled',
    'unit b.service: masked, disabled',
  ])
  t.match(compiled.plan.steps[2], { existing: 'all', createHome: false, home: '/home/core' })
  t.match(compiled.plan.steps[9], {
    content: { headers: [{ name: 'X-A', value: 'b' }], compression: 'gzip' },
  })
  t.same(compiled.references, [])
  t.end()
})

t.test('data in the configuration', t => {
  const packed = gzipSync('packed').toString('base64')
  const sha = (text: string) => `sha256-${createHash('sha256').update(text).digest('hex')}`
  const good: [object, string][] = [
    [{ source: 'data:,hello%20world' }, 'hello world'],
    [{ source: 'data:,100%' }, '100%'],
    [{ source: 'data:,%ff%00' }, '\xff\0'],
    [{ source: 'data:text/plain;charset=utf-8;base64,aGk=' }, 'hi'],
    [{ source: 'data:;base64,aGk%3D' }, 'hi'],
    [{ source: `data:;base64,${packed}`, compression: 'gzip' }, 'packed'],
    [{ source: 'data:,x', verification: { hash: sha('x') } }, 'x'],
    [
      { source: `data:;base64,${packed}`, compression: 'gzip', verification: { hash: sha('packed') } },
      'packed',
    ],
    [{ source: 'data:,x', compression: null, verification: { hash: null } }, 'x'],
  ]
  for (const [contents, text] of good) {
    const compiled = ignition(file({ contents }))
    t.same(problems(compiled), [], JSON.stringify(contents))
    t.equal(bytesOf(compiled.plan.steps[0]), text)
  }
  const bad: [object, RegExp][] = [
    [{ source: 'data:x' }, /needs a comma/],
    [{ source: 'data:;base64,%%%' }, /no base64/],
    [{ source: 'data:,x', compression: 'gzip' }, /unpacked as gzip/],
    [{ source: 'data:,x', compression: 'xz' }, /must be gzip/],
    [
      { source: 'data:,y', verification: { hash: sha('x') } },
      /its sha256 is [0-9a-f]{64}, and not what verification says/,
    ],
    [{ source: 'data:,y', verification: { hash: 'md5-00' } }, /must be sha256- or sha512-/],
    [{ source: 's3://b/k' }, /not supported: sources of s3:/],
    [{ source: 'tftp://h/k' }, /not supported: sources of tftp:/],
    [{ source: '/etc/passwd' }, /not supported: '\/etc\/passwd'/],
    [{ source: 'https://h/', httpHeaders: [{ name: 'a b', value: '' }] }, /'a b' is no header/],
  ]
  for (const [contents, message] of bad) t.match(problems(ignition(file({ contents }))).join('\n'), message)
  t.end()
})

t.test('what is refused, and what is wrong', t => {
  const cases: [object, string][] = [
    [{ ignition: { version: '1.0.0' } }, 'error: version 1.0.0 is not understood, only 3.0.0 to 3.4.0'],
    [{ ignition: { version: '3.5.0' } }, 'error: version 3.5.0 is not understood, only 3.0.0 to 3.4.0'],
    [{ ignition: { version: '3' } }, "error: version '3' must be like 3.4.0"],
    [{ ignition: {} }, "error: version '' must be like 3.4.0"],
    [
      { storage: { luks: [{ name: 'x' }] } },
      'error: not supported: storage.luks; disks are not encrypted here',
    ],
    [
      { storage: { raid: [] } },
      'error: not supported: storage.raid; make it before the installation, with mdadm',
    ],
    [
      { storage: { disks: [] } },
      'error: not supported: storage.disks; make partitions before the installation, with sgdisk',
    ],
    [
      { kernelArguments: { shouldExist: ['a'] } },
      'error: not supported: kernelArguments; the kernel is started with what the image says',
    ],
    [
      { ignition: { ...V, timeouts: { httpTotal: 3 } } },
      'error: not supported: ignition.timeouts; answers are waited for 10 s, and asked for again for 5 minutes',
    ],
    [
      { ignition: { ...V, security: {} } },
      'error: not supported: ignition.security; certificates of your own go to /etc/ssl/certs by storage.files',
    ],
    [
      { storage: { filesystems: [{ device: '/dev/vdb', format: 'xfs' }] } },
      "error: not supported: format 'xfs'; there are ext4, vfat, swap",
    ],
    [
      { storage: { filesystems: [{ device: '/dev/vdb', format: 'ext4', path: '/x' }] } },
      'error: path needs with_mount_unit: nothing is mounted before the machine has started',
    ],
    [{ colour: 'red' }, 'warning: unused key colour'],
    [{ systemd: { unit: [] } }, 'warning: unused key unit: did you mean "units"?'],
    [file({ mode: '0644' }), 'error: storage.files[0].mode must be a number'],
    [file({ mode: 4096 }), 'error: storage.files[0].mode must be a number'],
    [file({ overwrite: 'true' }), 'error: storage.files[0].overwrite must be true or false'],
    [{ storage: { files: [{ path: 7 }] } }, 'error: storage.files[0].path must be a text'],
    [{ storage: { files: {} } }, 'error: storage.files must be a list'],
    [{ storage: [] }, 'error: storage must be an object'],
    [{ storage: { files: [{}] } }, 'error: storage.files[0] needs a path'],
    [{ storage: { links: [{ path: '/l' }] } }, 'error: storage.links[0] needs a target'],
    [{ storage: { files: [{ path: 'a' }] } }, "error: 'a' must begin with /"],
    [{ storage: { files: [{ path: '/usr/a' }] } }, 'error: /usr/a is in /usr, which can not be written'],
    [
      { storage: { files: [{ path: '/a' }], links: [{ path: '/a', target: 'b' }] } },
      'error: /a is there already, in line 1',
    ],
    [
      { systemd: { units: [{ name: 'a.service', contents: 'x' }] } },
      "error: a.service: 'x' is neither a section nor NAME=VALUE",
    ],
  ]
  for (const [config, message] of cases) t.same(problems(ignition(config)), [message])
  const text = (json: string) => renderFindings(compileIgnition(json, 'ignition').findings)
  t.same(text('{"ignition":{"version":"3.4.0"},\n "a": }'), [
    "line 2:7: error: no JSON: a value is missing before '}'",
  ])
  t.match(text('{"ignition"'), [/error: no JSON/])
  t.match(text('{"ignition":{"version":"3.4.0"},"storage":{},"storage":{}}'), [/"storage" is there already/])
  t.end()
})

t.test('configurations that consist of others', t => {
  const child = {
    ignition: V,
    storage: { files: [{ path: '/a', mode: 384 }, { path: '/new' }] },
    passwd: { users: [{ name: 'core', sshAuthorizedKeys: ['ssh-rsa BBBB'] }] },
  }
  const parent = {
    ignition: { ...V, config: { merge: [{ source: 'http://h/child' }] } },
    storage: {
      files: [{ path: '/a', mode: 420, overwrite: true, contents: { source: '' } }, { path: '/b' }],
    },
    passwd: { users: [{ name: 'core', shell: '/bin/sh', sshAuthorizedKeys: ['ssh-rsa AAAA'] }] },
  }
  const first = ignition(parent)
  t.same(first.plan.steps, [])
  t.match(first.references, [{ url: 'http://h/child' }])
  const whole = ignition(parent, { 'http://h/child': child })
  t.same(problems(whole), [])
  t.same(lines(whole), [
    'user core',
    '2 keys of core in set ignition',
    'file /a 0600, 0 bytes',
    'file /b, empty if missing',
    'file /new, empty if missing',
  ])
  t.match(whole.plan.steps[0], { shell: '/bin/sh' })
  t.match(whole.plan.steps[2], { overwrite: true }, 'what the child does not say stays')
  const replaced = {
    ignition: { ...V, config: { replace: { source: 'http://h/child' } } },
    storage: { files: [{ path: '/z' }] },
  }
  t.same(lines(ignition(replaced, { 'http://h/child': child })), [
    'user core',
    '1 key of core in set ignition',
    'file /a 0600, empty if missing',
    'file /new, empty if missing',
  ])
  const inline = {
    ignition: { ...V, config: { merge: [{ source: `data:,${encodeURIComponent(JSON.stringify(child))}` }] } },
  }
  t.equal(lines(ignition(inline)).length, 4)
  const endless = { ignition: { ...V, config: { merge: [{ source: 'http://h/self' }] } } }
  t.match(problems(ignition(endless, { 'http://h/self': endless })), [/refer to each other too deep/])
  t.match(problems(ignition(parent, { 'http://h/child': '{' })), [/no JSON/])
  t.end()
})

t.test('Butane', t => {
  const compiled = compileIgnition(
    `variant: flatcar
version: 1.0.0
passwd:
  users:
    - name: core
      ssh_authorized_keys: [ssh-ed25519 AAAA]
storage:
  files:
    - path: /opt/x
      mode: 0755
      contents: {inline: "hello"}
    - path: /opt/y
      mode: 420
  filesystems:
    - {device: /dev/vdb, format: ext4, path: /var/lib/data, with_mount_unit: true, mount_options: [noatime]}
`,
    'butane',
  )
  t.same(problems(compiled), [])
  t.same(lines(compiled), [
    'user core',
    '1 key of core in set ignition',
    'ext4 on /dev/vdb',
    'unit var-lib-data.mount: written, enabled',
    'file /opt/x 0755, 5 bytes',
    'file /opt/y 0644, empty if missing',
  ])
  t.match(compiled.plan.steps[3], {
    content:
      '[Mount]\nWhat=/dev/vdb\nWhere=/var/lib/data\nType=ext4\nOptions=noatime\n\n[Install]\nWantedBy=local-fs.target\n',
  })
  const cases: [string, RegExp][] = [
    ['variant: rhcos\nversion: 1.0.0', /variant 'rhcos' must be one of flatcar, fcos, orlop/],
    ['variant: fcos\nversion: 1.6.0', /version 1\.6\.0 is not understood, only 1\.0\.0 to 1\.5\.0/],
    ['variant: fcos\nversion: 1.4.0\nboot_device: {}', /not supported: boot_device/],
    ['variant: fcos\nversion: 1.4.0\nstorage:\n  trees: []', /not supported: storage\.trees/],
    [
      'variant: fcos\nversion: 1.4.0\nstorage:\n  files:\n    - path: /a\n      contents: {local: x}',
      /not supported: storage\.files\[0\]\.contents\.local/,
    ],
    [
      'variant: fcos\nversion: 1.4.0\nstorage:\n  files:\n    - {path: /a, mode: 0888}',
      /mode must be a number/,
    ],
    [
      'variant: fcos\nversion: 1.4.0\nstorage:\n  files:\n    - {path: /a, contents: {inline: a, source: "data:,b"}}',
      /exclude each other/,
    ],
  ]
  for (const [text, message] of cases)
    t.match(problems(compileIgnition(text, 'butane')).join('\n'), message, text)
  t.equal(escapePath('/var/lib/a b-c'), 'var-lib-a\\x20b\\x2dc')
  t.equal(escapePath('/'), '-')
  t.end()
})

t.test('there and back: what is emitted means the same', t => {
  const config = {
    passwd: {
      groups: [{ name: 'ops', gid: 700 }],
      users: [{ name: 'core', sshAuthorizedKeys: ['ssh-ed25519 AAAA x'], uid: 500, shell: '/bin/sh' }],
    },
    storage: {
      filesystems: [{ device: '/dev/vdb', format: 'ext4', label: 'D' }],
      directories: [{ path: '/d', mode: 493, user: { name: 'core' }, group: { id: 500 } }],
      files: [
        { path: '/a', mode: 420, contents: { source: 'data:,a%0Ab%25' }, overwrite: true },
        { path: '/bytes', mode: 420, contents: { source: 'data:;base64,/wA=' } },
        {
          path: '/far',
          contents: {
            source: 'https://h/c',
            compression: 'gzip',
            verification: { hash: `sha512-${'a'.repeat(128)}` },
          },
          append: [{ source: 'data:,y' }],
        },
      ],
      links: [{ path: '/l', target: '/a' }],
    },
    systemd: {
      units: [
        {
          name: 'a.service',
          enabled: true,
          contents: '[Service]\n\n[Install]\nWantedBy=multi-user.target\n',
          dropins: [{ name: 'x.conf', contents: '[Unit]\n' }],
        },
      ],
    },
  }
  const plan = ignition(config).plan
  const meaning = (steps: readonly Step[]) => steps.map(({ origin: _origin, ...step }) => step)
  for (const language of ['ignition', 'butane'] as const) {
    const { text, lost } = emitPlan(plan, language)
    t.same(lost, [])
    const again = compileIgnition(text, language)
    t.same(problems(again), [], language)
    t.same(meaning(again.plan.steps), meaning(plan.steps), language)
  }
  t.end()
})

t.test('what other languages can not say is told', t => {
  const origin = { path: '', line: 0, column: 0 }
  const unit = { kind: 'unit' as const, runtime: false, dropIns: [], origin }
  const file = { kind: 'file' as const, append: [], overwrite: true, origin }
  const settings = (name: string): Step => ({
    kind: 'settings',
    path: '/etc/environment',
    values: [{ name, value: '1' }],
    origin,
  })
  const dropIn = (content: string) => [{ name: 'x.conf', content }]
  const steps: Step[] = [
    { kind: 'hostname', name: 'a', origin },
    { ...unit, name: 'x.network', runtime: true, content: '[Match]\n', dropIns: dropIn('[Link]\n') },
    { ...unit, name: 'docker.service', dropIns: dropIn('[Unit]\n') },
    { ...unit, name: 'docker.service', dropIns: dropIn('[Service]\n') },
    { kind: 'command', unit: 'docker.service', verb: 'restart', origin },
    { kind: 'command', unit: 'docker.service', verb: 'reload', origin },
    { kind: 'command', unit: 'docker.service', verb: 'stop', origin },
    { ...unit, name: 'plain.service', content: '[Service]\n' },
    { kind: 'command', unit: 'plain.service', verb: 'start', origin },
    settings('A'),
    { ...file, path: '//srv/../s', mode: 0o4755, content: { kind: 'inline', bytes: Buffer.from('s') } },
    settings('B'),
    { kind: 'script', content: Buffer.from('#!/bin/sh\n'), origin },
  ]
  const { text, lost } = emitPlan({ steps }, 'ignition')
  t.same(lost, [
    'reload docker.service: a command can not be said; leave it out',
    'stop docker.service: a command can not be said; mask it',
    'start plain.service: a command can not be said; give it an [Install] section',
    '/s: mode 04000 can not be said; give it by a unit',
  ])
  t.same(lines(compileIgnition(text, 'ignition')), [
    'file /etc/hostname 0644, 1 byte',
    'file /etc/systemd/network/x.network 0644, 8 bytes',
    'file /etc/systemd/network/x.network.d/x.conf 0644, 7 bytes',
    'file /s 0755, 1 byte',
    'file /opt/bin/user-data 0755, 10 bytes',
    'file /etc/environment, 8 bytes',
    'unit docker.service: drop-in x.conf, enabled',
    'unit plain.service: written',
    'unit user-data.service: written, enabled',
  ])
  t.match(text, 'A%3D1%0AB%3D1%0A')
  t.match(text, '"contents": "[Service]\\n"', 'of two drop-ins of one name the last')
  t.match(emitPlan({ steps }, 'butane').text, / mode: 0755\n/, 'modes are octal')
  t.end()
})
