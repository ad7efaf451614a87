import t from 'tap'
import { fillRemotes, remotesOf } from './fetch.ts'
import { describeStep, stepJson } from './plan/describe.ts'
import { mergePlans } from './plan/merge.ts'
import type { FileStep, Remote, Step } from './plan/plan.ts'
import { helpText, readSettings, type Settings } from './settings.ts'
import { formatState, NO_STATE, parseState, withApplied } from './state.ts'

const origin = { path: 'x', line: 0, column: 0 }
const remote = (url: string): Remote => ({ kind: 'remote', url, headers: [], compression: 'none' })

function file(path: string, more: Partial<FileStep> = {}): FileStep {
  return { kind: 'file', origin, path, append: [], overwrite: true, ...more }
}

t.test('what the program is called for', t => {
  const settings = (...words: string[]): Settings => {
    const call = readSettings(words)
    if (call.kind !== 'run') throw new Error(call.kind)
    return call.settings
  }
  t.match(settings('-from-file=/a'), {
    mode: 'apply',
    explicit: [{ kind: 'file', argument: '/a' }],
    boot: undefined,
  })
  t.match(settings('--validate', 'x.yml'), {
    mode: 'validate',
    explicit: [{ kind: 'file', argument: 'x.yml' }],
  })
  t.match(settings('--convert=butane', '-'), { convert: 'butane', explicit: [], input: true })
  t.match(settings('-dry-run', '-json', '-from-url', 'http://x/'), { mode: 'dry-run', json: true })
  t.match(settings('--boot=local'), { boot: 'local', explicit: [] })
  t.match(settings(), {
    workspace: '/var/lib/coreos-cloudinit',
    sshKeyName: 'coreos-cloudinit',
    ignoreFailure: false,
  })
  t.same(readSettings(['--version']), { kind: 'version' })
  t.same(readSettings(['-h', '--nonsense=1'].slice(0, 1)), { kind: 'help' })
  const wrong: [string[], RegExp][] = [
    [['--convert=ruby'], /must be ignition or butane/],
    [['--boot=late'], /must be local or network/],
    [['--validate', '--dry-run', 'x'], /only one at a time/],
    [['--validate', 'x', 'y'], /one FILE at a time, not also 'y'/],
    [['x.yml'], /to apply a file say -from-file=x\.yml/],
    [['--from-nowhere'], /not defined: -from-nowhere/],
    [['-from-gce-metadata'], /not supported/],
  ]
  for (const [words, message] of wrong) t.throws(() => readSettings(words), message, words.join(' '))
  for (const flag of ['--from-file', '--validate', '--dry-run', '--convert', '--from-configdrive'])
    t.ok(helpText().includes(flag), flag)
  t.end()
})

t.test('the later plan counts for what there is one of', t => {
  const name = (name: string): Step => ({ kind: 'hostname', name, origin })
  const keys = (set: string): Step => ({ kind: 'keys', user: 'core', set, keys: [], origin })
  const merged = mergePlans([
    {
      steps: [
        name('a'),
        file('/x', { mode: 1 }),
        file('/y'),
        keys('s'),
        file('/log', { append: [remote('u')] }),
      ],
    },
    {
      steps: [
        name('b'),
        file('/x', { mode: 2 }),
        keys('s'),
        keys('other'),
        file('/log', { append: [remote('v')] }),
      ],
    },
  ])
  t.same(merged.steps.map(describeStep), [
    'file /y, empty if missing',
    'file /log, u',
    'hostname b',
    'file /x 0002, empty if missing',
    '0 keys of core in set s',
    '0 keys of core in set other',
    'file /log, v',
  ])
  t.end()
})

t.test('what a plan points to is fetched once and put in its place', t => {
  const again = remote('http://h/a')
  const plan = {
    steps: [
      file('/a', { content: again }),
      file('/b', { content: remote('http://h/a'), append: [remote('http://h/b')] }),
    ],
  }
  const wanted = remotesOf(plan)
  t.same(
    wanted.map(({ url }) => url),
    ['http://h/a', 'http://h/b'],
  )
  const bytes = new Map(wanted.map(one => [one, Buffer.from(one.url)]))
  t.same(
    fillRemotes(plan, bytes).steps.map(step => stepJson(step).content),
    ['http://h/a', 'http://h/a'].map(text => ({ kind: 'inline', bytes: { text } })),
  )
  t.same(remotesOf(fillRemotes(plan, bytes)), [])
  t.same(remotesOf(fillRemotes(plan, new Map())).length, 2, 'what was not fetched stays')
  t.end()
})

t.test('what was applied once', t => {
  let state = NO_STATE
  for (let number = 0; number < 150; number++) state = withApplied(state, `d${number}`)
  t.equal(state.once.length, 100)
  t.ok(state.once.includes('d149'))
  t.same(parseState(formatState(state)), state)
  t.equal(withApplied(state, 'd149'), state)
  for (const text of [undefined, '', '{', '3', '{"once":3}']) t.same(parseState(text), NO_STATE, String(text))
  t.end()
})

t.test('every kind of step has a line', t => {
  const steps: [Step, string][] = [
    [{ kind: 'group', name: 'g', gid: 7, system: false, present: true, origin }, 'group g (7)'],
    [{ kind: 'group', name: 'g', system: false, present: false, origin }, 'no group g'],
    [{ kind: 'link', path: '/a', target: 'b', hard: false, overwrite: true, origin }, 'link /a to b'],
    [
      { kind: 'directory', path: '/d', mode: 0o755, user: 'core', overwrite: false, origin },
      'directory /d 0755 core:root',
    ],
    [{ kind: 'command', unit: 'a.service', verb: 'start', origin }, 'start a.service'],
    [{ kind: 'script', content: Buffer.from('x'), origin }, 'script, 1 byte'],
    [{ kind: 'settings', path: '/e', values: [{ name: 'A', value: '1' }], origin }, 'in /e: A=1'],
    [
      {
        kind: 'unit',
        name: 'a.service',
        runtime: true,
        content: '',
        dropIns: [{ name: 'x.conf', content: '' }],
        mask: false,
        enable: true,
        origin,
      },
      'unit a.service: written, drop-in x.conf, unmasked, enabled, until the next start',
    ],
    [
      {
        kind: 'filesystem',
        device: '/dev/vdb',
        format: 'ext4',
        label: 'D',
        wipe: false,
        options: [],
        origin,
      },
      'ext4 on /dev/vdb labelled D',
    ],
  ]
  for (const [step, line] of steps) t.equal(describeStep(step), line)
  t.end()
})
