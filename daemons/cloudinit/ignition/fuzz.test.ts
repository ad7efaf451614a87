// Configurations with damage in them: they are read, or told to be wrong, and nothing else happens.

import t from 'tap'
import { compileIgnition } from './compile.ts'
import { readJson } from './json.ts'

const ROUNDS = 800

/** Numbers by chance, the same in every run (mulberry32). */
function chance(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

const V3 = JSON.stringify({
  ignition: {
    version: '3.4.0',
    config: {
      merge: [{ source: 'data:,{"ignition":{"version":"3.0.0"}}', verification: { hash: 'sha256-00' } }],
    },
  },
  storage: {
    files: [
      { path: '/a', mode: 420, contents: { source: 'data:;base64,aGk=', verification: { hash: null } } },
    ],
    directories: [{ path: '/d', user: { id: 5 } }],
    links: [{ path: '/l', target: '/a', hard: false }],
    filesystems: [{ device: '/dev/vdb', format: 'ext4', options: ['-m', '1'] }],
  },
  systemd: {
    units: [{ name: 'a.service', enabled: true, contents: '[Unit]\n', dropins: [{ name: 'x.conf' }] }],
  },
  passwd: { users: [{ name: 'core', sshAuthorizedKeys: ['ssh-rsa AAAA'] }], groups: [{ name: 'g', gid: 7 }] },
})
const V2 = JSON.stringify({
  ignition: { version: '2.2.0', config: { append: [{ source: 'https://h/' }] } },
  storage: {
    filesystems: [{ name: 'data', mount: { device: '/dev/vdb', format: 'swap', create: { force: true } } }],
    files: [{ filesystem: 'root', path: '/a', append: true, contents: { source: 'data:,x%20y' } }],
  },
  networkd: { units: [{ name: 'a.network', contents: '[Match]\n' }] },
  passwd: { users: [{ name: 'core', create: { uid: 7 } }] },
})
const BUTANE = `variant: fcos
version: 1.5.0
storage:
  files:
    - path: /a
      mode: 0644
      contents: {inline: "x"}
    - &b {path: /b, append: [{local: f}]}
  filesystems:
    - {device: /dev/vdb, format: ext4, path: /var/lib/x, with_mount_unit: true}
  trees: [{local: tree, path: /opt}]
passwd:
  users:
    - {name: core, ssh_authorized_keys: [ssh-rsa AAAA]}
`
/** What is put in by chance: what means something in one of the notations. */
const PIECES = [
  '{',
  '}',
  '[',
  ']',
  '"',
  ':',
  ',',
  '\\',
  'null',
  '0',
  '-',
  '\n',
  '&b ',
  '*b',
  '<<: ',
  '%',
  '\u0000',
  '\ud800',
  '../',
]

function damaged(text: string, below: (limit: number) => number): string {
  let result = text
  for (let count = 1 + below(3); count > 0; count--) {
    const at = below(result.length + 1)
    const length = below(4)
    const piece = PIECES[below(PIECES.length)]!
    const from = below(result.length + 1)
    const put = below(4) === 0 ? result.slice(from, from + below(40)) : below(3) === 0 ? '' : piece
    result = result.slice(0, at) + put + result.slice(at + length)
  }
  return result
}

for (const [name, text, language] of [
  ['Ignition 3', V3, 'ignition'],
  ['Ignition 2', V2, 'ignition'],
  ['Butane', BUTANE, 'butane'],
] as const) {
  t.test(name, t => {
    const below = chance(0x0417)
    let good = 0
    for (let round = 0; round < ROUNDS; round++) {
      const input = damaged(text, below)
      try {
        const { plan, findings } = compileIgnition(
          input,
          language,
          new Map([['https://h/', Buffer.from(input)]]),
          () => ({
            kind: 'file',
            bytes: Buffer.from('x'),
            isExecutable: false,
          }),
        )
        const errors = findings.filter(({ severity }) => severity === 'error')
        if (errors.length > 0 && plan.steps.length > 0) t.fail(`a plan in spite of errors: ${input}`)
        if (findings.some(({ message }) => /[\r\n]/.test(message))) t.fail(`more than a line: ${input}`)
        if (errors.length === 0) good++
      } catch (error) {
        t.fail(`round ${round}: ${String(error)}: ${JSON.stringify(input)}`)
      }
    }
    t.ok(good > 0 && good < ROUNDS, `${good} of ${ROUNDS} were still right`)
    t.end()
  })
}

t.test('JSON is what JSON.parse says it is', t => {
  const below = chance(0x2718)
  const accepts = (text: string) => {
    try {
      JSON.parse(text)
      return true
    } catch {
      return false
    }
  }
  for (let round = 0; round < ROUNDS; round++) {
    const input = damaged(V3, below)
    const { value, findings } = readJson(input)
    // A key that stands twice is our own error.
    const ours = value !== undefined || findings.every(({ message }) => / is there already/.test(message))
    if (ours !== accepts(input)) t.fail(`round ${round}: ${JSON.stringify(input)}`)
  }
  t.pass('the same for all')
  t.end()
})
