// Ignition that is JSON of the right types and still wrong, each with all that is told of it.

import t from 'tap'
import { renderFindings } from '../cloudconfig/render.ts'
import { compileIgnition } from './compile.ts'

const ignition = { version: '3.4.0' }

function told(config: object, fetched: Record<string, string> = {}): string[] {
  const others = Object.entries(fetched).map(([url, text]) => [url, Buffer.from(text)] as const)
  const { findings } = compileIgnition(JSON.stringify({ ignition, ...config }), 'ignition', new Map(others))
  return renderFindings(findings).map(line => line.replace(/^line \d+:\d+: /, ''))
}

const file = (more: object) => ({ storage: { files: [{ path: '/a', ...more }] } })
const unit = (more: object) => ({ systemd: { units: [{ name: 'a.service', ...more }] } })
const user = (more: object) => ({ passwd: { users: [{ name: 'core', ...more }] } })
const disk = (more: object) => ({
  storage: { filesystems: [{ device: '/dev/vdb', format: 'ext4', ...more }] },
})

t.test('paths', t => {
  const cases: [object, string[]][] = [
    [file({ path: '/a//b' }), ["error: '/a//b' must be written /a/b"]],
    [file({ path: '/a/../b' }), ["error: '/a/../b' must be written /b"]],
    [file({ path: '/a/' }), ["error: '/a/' must be written /a"]],
    [{ storage: { directories: [{ path: '/a/b' }, { path: '/a' }] } }, []],
    [
      { storage: { files: [{ path: '/a' }, { path: '/a/b/c' }] } },
      ['error: /a/b/c is below /a, which is a file here'],
    ],
    [
      { storage: { links: [{ path: '/a', target: '/x' }], directories: [{ path: '/a/b' }] } },
      ['error: /a/b is below /a, which is a link here'],
    ],
    [{ storage: { files: [{ path: '/a' }, { path: '/ab' }] } }, []],
  ]
  for (const [config, lines] of cases) t.same(told(config), lines, JSON.stringify(config))
  t.end()
})

t.test('files', t => {
  const cases: [object, string[]][] = [
    [file({ overwrite: true }), ['error: overwrite needs contents']],
    [file({ overwrite: true, contents: { source: '' } }), []],
    [file({ user: { name: 'core', id: 500 } }), ['error: user has a name and an id: one is enough']],
    [file({ mode: 644 }), ['warning: mode is decimal: 644 is 1204; 0644 is written 420']],
    [file({ mode: 420 }), []],
    [file({ mode: 0o4755 }), []],
  ]
  for (const [config, lines] of cases) t.same(told(config), lines, JSON.stringify(config))
  t.end()
})

t.test('units', t => {
  const install = '[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n'
  const cases: [object, string[]][] = [
    [unit({ name: 'a' }), ["error: 'a' is no name of a unit, such as hello.service"]],
    [unit({ name: '../a.service' }), ["error: '../a.service' is no name of a unit, such as hello.service"]],
    [
      unit({ name: 'a.network', contents: '[Match]\nName=eth0\n' }),
      ['error: a.network is for systemd-networkd: write a file /etc/systemd/network/a.network'],
    ],
    [unit({ name: 'a@b.service', enabled: true }), []],
    [unit({ enabled: true, contents: install }), []],
    [
      unit({ enabled: true, contents: '[Service]\nExecStart=/bin/true\n' }),
      ['warning: a.service: enabled does nothing without an [Install] section'],
    ],
    [unit({ dropins: [{ name: 'x' }] }), ['error: a drop-in needs a file name that ends in .conf']],
    [
      unit({ dropins: [{ name: 'x.conf' }, { name: 'x.conf' }] }),
      ["error: 'x.conf' is there already, in line 1"],
    ],
    [
      { systemd: { units: [{ name: 'a.service' }, { name: 'a.service' }] } },
      ["error: 'a.service' is there already, in line 1"],
    ],
  ]
  for (const [config, lines] of cases) t.same(told(config), lines, JSON.stringify(config))
  t.end()
})

t.test('people and file systems', t => {
  const cases: [object, string[]][] = [
    [user({ passwordHash: '' }), []],
    [user({ passwordHash: '*' }), []],
    [user({ passwordHash: '$y$j9T$a$b' }), []],
    [
      user({ passwordHash: 'secret' }),
      ['error: passwordHash must be a hash of crypt(5), such as from mkpasswd'],
    ],
    [user({ sshAuthorizedKeys: ['core@host'] }), ["warning: 'core@host' is no public key of SSH"]],
    [user({ sshAuthorizedKeys: ['ssh-rsa AAAA\nssh-rsa BBBB'] }), ['error: one key of SSH is one line']],
    [user({ sshAuthorizedKeys: ['no-pty,from="a b" ssh-ed25519 AAAA me'] }), []],
    [{ passwd: { users: [{ name: 'a' }, { name: 'a' }] } }, ["error: 'a' is there already, in line 1"]],
    [disk({ device: 'vdb' }), ["error: device 'vdb' must begin with /"]],
    [disk({ format: 'vfat', label: 'longer than it' }), ['error: a label of vfat has at most 11 characters']],
    [
      { storage: { filesystems: [0, 1].map(() => ({ device: '/dev/vdb', format: 'swap' })) } },
      ["error: '/dev/vdb' is there already, in line 1"],
    ],
  ]
  for (const [config, lines] of cases) t.same(told(config), lines, JSON.stringify(config))
  t.end()
})

t.test('what is wrong in another configuration is told at what names it', t => {
  const url = 'https://user:secret@h/child.ign'
  const parent = JSON.stringify(
    { ignition: { version: '3.4.0', config: { merge: [{ source: url }] } } },
    null,
    1,
  )
  const child = '{"ignition": {"version": "3.4.0"},\n "storage": {"files": [{"path": "a"}]}}'
  const { plan, findings } = compileIgnition(parent, 'ignition', new Map([[url, Buffer.from(child)]]))
  t.same(renderFindings(findings), ["line 7:6: error: https://h/child.ign, line 2:25: 'a' must begin with /"])
  t.same(plan.steps, [])
  const good = '{"ignition": {"version": "3.0.0"},\n "storage": {"files": [{"path": "/a"}]}}'
  const { plan: whole } = compileIgnition(parent, 'ignition', new Map([[url, Buffer.from(good)]]))
  t.match(whole.steps, [{ path: '/a', origin: { path: 'storage.files[0] of https://h/child.ign', line: 2 } }])
  t.end()
})

t.test('each is right by itself, and all of them together are not', t => {
  const child = JSON.stringify({ ignition, storage: { files: [{ path: '/a/b' }] } })
  const parent = {
    ignition: { ...ignition, config: { merge: [{ source: 'http://h/c' }] } },
    storage: { links: [{ path: '/a', target: '/x' }] },
  }
  t.same(told(parent, { 'http://h/c': child }), ['error: /a/b is below /a, which is a link here'])
  t.end()
})
