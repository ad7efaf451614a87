import t from 'tap'
import { compileIgnition } from '../ignition/compile.ts'
import { describeStep } from '../plan/describe.ts'
import type { Local, Locals } from './local.ts'
import { renderButane } from './render.ts'

const file = (text: string, isExecutable = false): Local => ({
  kind: 'file',
  bytes: Buffer.from(text),
  isExecutable,
})
const FILES: Record<string, Local> = {
  hello: file('hello'),
  bytes: { kind: 'file', bytes: Buffer.from([0xff, 0]), isExecutable: false },
  'a.service': file('[Service]\nExecStart=/bin/true\n'),
  keys: file('# mine\nssh-rsa AAAA one\n\nssh-rsa BBBB two\n'),
  tree: { kind: 'directory', names: ['run', 'etc'] },
  'tree/run': file('#!/bin/sh\n', true),
  'tree/etc': { kind: 'directory', names: ['b', 'a'] },
  'tree/etc/a': file('aa'),
  'tree/etc/b': { kind: 'link', target: '/etc/a' },
  loop: { kind: 'directory', names: ['in'] },
}
const locals: Locals = path => FILES[path] ?? (path.startsWith('loop/') ? FILES.loop : undefined)

function compiled(text: string) {
  const { plan, findings } = compileIgnition(
    `variant: flatcar\nversion: 1.1.0\n${text}`,
    'butane',
    new Map(),
    locals,
  )
  return { steps: plan.steps, lines: plan.steps.map(describeStep), told: renderButane(findings) }
}

t.test('files beside the configuration', t => {
  const found = compiled(`
storage:
  files:
    - path: /a
      contents: {local: hello}
      append: [{local: ./sub/../bytes}]
systemd:
  units:
    - name: a.service
      contents_local: a.service
passwd:
  users:
    - name: core
      ssh_authorized_keys: [ssh-rsa CCCC three]
      ssh_authorized_keys_local: [keys]
`)
  t.same(found.told, [])
  t.same(found.lines, [
    'user core',
    '3 keys of core in set ignition',
    'file /a, 5 bytes + 2 bytes',
    'unit a.service: written',
  ])
  t.match(found.steps[1], { keys: ['ssh-rsa CCCC three', 'ssh-rsa AAAA one', 'ssh-rsa BBBB two'] })
  t.end()
})

t.test('trees', t => {
  const found = compiled(`
storage:
  trees: [{local: tree, path: /opt}]
  files: [{path: /opt/etc/a, mode: 0600}, {path: /z}]
`)
  t.same(found.told, [])
  t.same(found.lines, [
    'file /opt/etc/a 0600, 2 bytes',
    'file /z, empty if missing',
    'file /opt/run 0755, 10 bytes',
    'link /opt/etc/b to /etc/a',
  ])
  t.same(compiled('storage: {trees: [{local: tree}]}').lines, [
    'file /etc/a 0644, 2 bytes',
    'file /run 0755, 10 bytes',
    'link /etc/b to /etc/a',
  ])
  t.end()
})

t.test('what is not there, or not allowed', t => {
  const one = (contents: string) => `storage: {files: [{path: /a, contents: ${contents}}]}`
  const cases: [string, string][] = [
    [one('{local: none}'), 'error at $.storage.files[0].contents.local, line 3 col 41: there is no none'],
    [one('{local: tree}'), 'error at $.storage.files[0].contents.local, line 3 col 41: tree is no file'],
    [
      one('{local: /etc/passwd}'),
      "error at $.storage.files[0].contents.local, line 3 col 41: '/etc/passwd' is outside of the folder of files",
    ],
    [
      one('{local: a/../../b}'),
      "error at $.storage.files[0].contents.local, line 3 col 41: 'a/../../b' is outside of the folder of files",
    ],
    [
      one('{local: hello, inline: a}'),
      'error at $.storage.files[0].contents.local, line 3 col 41: local and inline exclude each other',
    ],
    [
      'storage: {trees: [{local: hello}]}',
      'error at $.storage.trees[0].local, line 3 col 20: hello is no directory',
    ],
    ['storage: {trees: [{path: /a}]}', 'error at $.storage.trees[0], line 3 col 19: "local" is missing'],
    [
      'storage: {trees: [{local: tree}], files: [{path: /etc/a, contents: {inline: a}}]}',
      'error at $.storage.trees[0].local, line 3 col 20: /etc/a has contents already',
    ],
    [
      'systemd: {units: [{name: a.service, contents_local: bytes}]}',
      'error at $.systemd.units[0].contents_local, line 3 col 37: bytes is no text',
    ],
  ]
  for (const [text, line] of cases) t.same(compiled(text).told, [line], text)
  t.match(compiled('storage: {trees: [{local: loop}]}').told, [/: trees have more than .* or are too deep$/])
  t.end()
})

t.test('what is no map does no harm', t => {
  for (const text of [
    'storage: []',
    'storage: {files: x, trees: 3}',
    'passwd: {users: [1]}',
    'ignition: {config: 1}',
  ])
    t.match(compiled(text).told.join(), /must be/, text)
  t.end()
})
