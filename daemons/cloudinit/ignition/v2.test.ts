// Ignition 2, each with the plan of the Ignition 3 that it is translated to, and all that is told.

import t from 'tap'
import { describeStep } from '../plan/describe.ts'
import { compileIgnition } from './compile.ts'

const ignition = { version: '2.2.0' }
const OLD = 'warning: version 2 is an old one: it is read as 3.4.0, and better written so'

function compiled(config: object, fetched: Record<string, object> = {}) {
  const others = Object.entries(fetched).map(
    ([url, value]) => [url, Buffer.from(JSON.stringify(value))] as const,
  )
  const { plan, findings } = compileIgnition(
    JSON.stringify({ ignition, ...config }),
    'ignition',
    new Map(others),
  )
  return {
    steps: plan.steps,
    lines: plan.steps.map(describeStep),
    told: findings.map(({ severity, message }) => `${severity}: ${message}`).filter(line => line !== OLD),
  }
}

const root = { filesystem: 'root' }
const data = (text: string) => ({ contents: { source: `data:,${text}` } })
const files = (...list: object[]) => ({ storage: { files: list } })

t.test('that it is old is told', t => {
  const { findings } = compileIgnition('{"ignition": {"version": "2.0.0"}}', 'ignition')
  t.match(findings, [{ severity: 'warning', line: 1, column: 15, path: 'ignition.version' }])
  t.equal(findings.length, 1)
  t.match(compiled({ ignition: { version: '2.5.0' } }).told, [
    'error: version 2.5.0 is not understood, only 2.0.0 to 2.4.0',
  ])
  t.end()
})

t.test('files', t => {
  const cases: [object, string[], string[]][] = [
    [files({ ...root, path: '/a', mode: 420, ...data('x') }), ['file /a 0644, 1 byte'], []],
    [files({ ...root, path: '/a' }), ['file /a, 0 bytes'], []],
    [
      files({ ...root, path: '/a', ...data('x') }, { ...root, path: '/a', append: true, ...data('yy') }),
      ['file /a, 1 byte + 2 bytes'],
      [],
    ],
    [
      files(...['x', 'yy'].map(text => ({ ...root, path: '/a', append: true, ...data(text) }))),
      ['file /a, 1 byte + 2 bytes'],
      [],
    ],
    [
      files({ ...root, path: '/a', ...data('x') }, { ...root, path: '/a', ...data('yy') }),
      ['file /a, 2 bytes'],
      ['warning: /a is there already: the last one counts'],
    ],
    [
      files({ ...root, path: '/a', append: true, overwrite: true, ...data('x') }),
      [],
      ['error: append and overwrite exclude each other'],
    ],
    [files({ path: '/a' }), [], ['error: filesystem is missing, mostly "root"']],
    [
      files({ filesystem: 'oem', path: '/a' }),
      [],
      ['error: not supported: a path on the file system "oem": there is no such file system'],
    ],
  ]
  for (const [config, lines, told] of cases) {
    const found = compiled(config)
    t.same(found.lines, lines, JSON.stringify(config))
    t.same(found.told, told)
  }
  t.match(compiled(files({ ...root, path: '/a', ...data('x') })).steps, [{ overwrite: true }])
  t.match(compiled(files({ ...root, path: '/a', overwrite: false, ...data('x') })).steps, [
    { overwrite: false },
  ])
  t.end()
})

t.test('file systems by name', t => {
  const disk = { device: '/dev/vdb', format: 'ext4', label: 'D' }
  const found = compiled({
    storage: {
      filesystems: [
        { name: 'data', mount: { ...disk, create: { force: true, options: ['-m', '1'] } } },
        { name: 'sys', path: '/sysroot' },
        { name: 'var', path: '/sysroot/var' },
      ],
      directories: [
        { filesystem: 'var', path: '/lib/x' },
        { filesystem: 'sys', path: '/opt/x' },
      ],
      links: [{ filesystem: 'root', path: '/l', target: '/opt/x' }],
    },
  })
  t.same(found.told, ['warning: create.force is wipeFilesystem in version 3'])
  t.same(found.lines, [
    'ext4 on /dev/vdb labelled D',
    'directory /var/lib/x',
    'directory /opt/x',
    'link /l to /opt/x',
  ])
  t.match(found.steps[0], { wipe: true, options: ['-m', '1'] })
  const below = { filesystems: [{ name: 'data', mount: disk }], files: [{ filesystem: 'data', path: '/a' }] }
  t.same(compiled({ storage: below }).told, [
    'error: not supported: a path on the file system "data": it is not mounted yet; write where it will be mounted',
  ])
  t.end()
})

t.test('units, and files of systemd-networkd', t => {
  const found = compiled({
    systemd: {
      units: [
        { name: 'a.service', enable: true },
        { name: 'b.service', enable: false },
        { name: 'c.service', enable: true, enabled: false },
        { name: 'd.service', mask: true, dropins: [{ name: 'x.conf', contents: '[Unit]\n' }] },
      ],
    },
    networkd: {
      units: [
        {
          name: '00-eth0.network',
          contents: '[Match]\n',
          dropins: [{ name: 'a.conf', contents: '[DHCP]\n' }],
        },
      ],
    },
  })
  t.same(found.told, [])
  t.same(found.lines, [
    'file /etc/systemd/network/00-eth0.network, 8 bytes',
    'file /etc/systemd/network/00-eth0.network.d/a.conf, 7 bytes',
    'unit a.service: enabled',
    'unit b.service: as it is',
    'unit c.service: disabled',
    'unit d.service: drop-in x.conf, masked',
  ])
  t.match(compiled({ networkd: { units: [{ name: '../a' }] } }).told, [
    "error: '../a' must end in .network, .netdev or .link",
  ])
  t.end()
})

t.test('users', t => {
  const found = compiled({
    passwd: {
      users: [
        {
          name: 'core',
          create: { uid: 1000, shell: '/bin/sh', groups: ['docker'] },
          shell: '/bin/bash',
          sshAuthorizedKeys: ['ssh-rsa AAAA'],
        },
      ],
      groups: [{ name: 'ops', gid: 700 }],
    },
  })
  t.same(found.told, [])
  t.same(found.lines, ['group ops (700)', 'user core (1000) in docker', '1 key of core in set ignition'])
  t.match(found.steps[1], { shell: '/bin/bash' })
  t.end()
})

t.test('other configurations, also of version 3', t => {
  const source = 'http://h/child'
  const parent = {
    ignition: { ...ignition, config: { append: [{ source }] } },
    ...files({ ...root, path: '/a', ...data('x') }),
  }
  const warning =
    'warning: append is merge in version 3: what has the same path or name is one thing, and not two'
  const old = compiled(parent, { [source]: { ignition, ...files({ ...root, path: '/b' }) } })
  t.same(old.lines, ['file /a, 1 byte', 'file /b, 0 bytes'])
  t.same(old.told[0], warning)
  const young = { ignition: { version: '3.0.0' }, ...files({ path: '/b' }) }
  t.same(compiled(parent, { [source]: young }).lines, ['file /a, 1 byte', 'file /b, empty if missing'])
  t.end()
})

t.test('what is refused', t => {
  const cases: [object, RegExp][] = [
    [{ storage: { disks: [{ device: '/dev/vdb' }] } }, /^error: not supported: storage\.disks; /],
    [{ storage: { raid: [{ name: 'md' }] } }, /^error: not supported: storage\.raid; /],
    [{ storage: { files: [{ ...root, path: 7 }] } }, /^error: storage\.files\[0\]\.path must be a text/],
    [{ systemd: { units: [{ name: 'a.service', masc: true }] } }, /^warning: .* did you mean "mask"\?/],
  ]
  for (const [config, line] of cases) t.match(compiled(config).told, [line], JSON.stringify(config))
  t.end()
})
