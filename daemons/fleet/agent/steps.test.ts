import t from 'tap'
import type { Machine, TargetState } from '#lib/fleet/model.ts'
import type { Job } from '#lib/fleet/registry/job.ts'
import { hashUnit, parseUnit, serializeUnit } from '#lib/fleet/unit/file.ts'
import { readRequirements } from '#lib/fleet/unit/requirements.ts'
import { desiredUnits } from './desired.ts'
import { adopt, decodeMemory, encodeMemory } from './memory.ts'
import { type Held, type Step, stepsTo } from './steps.ts'

const ME = 'me'
const MACHINE: Machine = {
  id: ME,
  ip: '',
  metadata: { z: '1' },
  version: '',
  capacity: { memoryBytes: 0, cpuMillis: 0 },
  boot: '',
  api: '',
}

function job(name: string, desired: TargetState, more: Partial<Job> & { text?: string } = {}): Job {
  const options = parseUnit(more.text ?? '[Service]\nExecStart=/bin/true\n')
  const { text: _, ...rest } = more
  return {
    name,
    hash: hashUnit(options),
    options,
    requirements: readRequirements(name, options),
    desired,
    target: ME,
    heartbeat: undefined,
    restart: undefined,
    problem: '',
    ...rest,
  }
}

function held(from: Job, state: Held['state'], more: Partial<Held> = {}): Held {
  return { name: from.name, hash: from.hash, state, hasInstall: false, isGlobal: false, restart: '', ...more }
}

function steps(jobs: Job[], has: Held[], broken: string[] = []): string[] {
  const desired = desiredUnits({ jobs, broken: broken.map(name => ({ name })), machine: MACHINE })
  return stepsTo(desired, new Map(has.map(item => [item.name, item])), ME).map(step =>
    step.type === 'reload' ? step.type : `${step.type} ${step.name}`,
  )
}

t.test('from nothing', t => {
  t.same(steps([job('a', 'launched'), job('b', 'loaded'), job('c', 'inactive')], []), [
    'load a',
    'load b',
    'reload',
    'start a',
  ])
  t.same(steps([job('a', 'launched', { target: 'other' })], []), [])
  t.same(steps([job('a', 'launched', { target: undefined, text: '[X-Fleet]\nGlobal=true\n' })], []), [
    'load a',
    'reload',
    'start a',
  ])
  t.same(steps([job('a', 'launched', { text: '[X-Fleet]\nGlobal=true\nMachineMetadata=z=2\n' })], []), [])
  const conflicting = ['a', 'b'].map(name =>
    job(name, 'launched', { text: '[X-Fleet]\nGlobal=true\nConflicts=*\n' }),
  )
  t.same(steps(conflicting, []), ['load a', 'reload', 'start a'], 'the first by name')
  t.end()
})

t.test('from what is there', t => {
  const a = job('a', 'launched')
  t.same(steps([a], [held(a, 'launched')]), [], 'what is as it should be is not touched')
  t.same(steps([a], [held(a, 'loaded')]), ['start a'])
  t.same(steps([job('a', 'loaded')], [held(a, 'launched')]), ['stop a'])
  t.same(steps([job('a', 'inactive')], [held(a, 'launched')]), ['unload a', 'reload'])
  t.same(steps([], [held(a, 'loaded')]), ['unload a', 'reload'])
  t.same(steps([], [held(a, 'launched')], ['a']), [], 'one that cannot be read goes on')
  t.same(
    steps([a], [held(a, 'launched', { hash: 'x' })]),
    ['load a', 'reload', 'restart a'],
    'another text: in place',
  )
  t.same(steps([a], [held(a, 'loaded', { hash: 'x' })]), ['load a', 'reload', 'start a'])
  t.same(steps([job('a', 'loaded')], [held(a, 'launched', { hash: 'x' })]), ['load a', 'reload', 'stop a'])
  t.same(steps([a], [held(a, 'launched', { hash: 'x', hasInstall: true })]), [
    'unload a',
    'load a',
    'reload',
    'start a',
  ])
  t.end()
})

t.test('restarts', t => {
  const asked = job('a', 'launched', { restart: { id: '1' } })
  t.same(steps([asked], [held(asked, 'launched')]), ['restart a'])
  t.same(steps([asked], [held(asked, 'launched', { restart: '1' })]), [], 'once')
  t.same(steps([asked], [held(asked, 'loaded')]), ['start a'], 'a start is one as well')
  t.same(
    steps(
      [{ ...asked, restart: { id: '2', machines: ['other'] } }],
      [held(asked, 'launched', { restart: '1' })],
    ),
    [],
  )
  t.same(
    steps([{ ...asked, restart: { id: '2', machines: [ME] } }], [held(asked, 'launched', { restart: '1' })]),
    ['restart a'],
  )
  t.end()
})

t.test('what is remembered', t => {
  const a = job('a', 'launched')
  const before = new Map([['a', held(a, 'launched', { restart: '1' })]])
  t.same(decodeMemory(encodeMemory(before)).get('a'), { ...before.get('a'), isUnsure: false })
  for (const text of [undefined, '', '{', '[1]', '[{"name":"a"}]', 'null'])
    t.equal(decodeMemory(text).size, 0, String(text))
  const files = new Map([
    ['a', serializeUnit(a.options)],
    ['b', '[Install]\nWantedBy=x\n'],
    ['c', '['],
  ])
  const statuses = new Map([['b', { name: 'b', load: 'loaded', active: 'activating', sub: '' }]])
  t.same(
    [...adopt(files, decodeMemory(encodeMemory(before)), statuses).values()],
    [
      held(a, 'launched', { restart: '1' }),
      {
        name: 'b',
        hash: hashUnit(parseUnit(files.get('b')!)),
        state: 'launched',
        hasInstall: true,
        isGlobal: false,
        restart: '',
      },
      { name: 'c', hash: '', state: 'loaded', hasInstall: false, isGlobal: false, restart: '' },
    ],
  )
  t.end()
})

t.test('what was about to be done is not taken for done, nor for not done', t => {
  const a = job('a', 'launched')
  const files = new Map([['a', serializeUnit(a.options)]])
  const adopted = (state: Held['state'], step: Step, active: string, load = 'loaded'): string => {
    const remembered = decodeMemory(encodeMemory(new Map([['a', held(a, state)]]), [step]))
    const { state: found, hash } = adopt(
      files,
      remembered,
      new Map([['a', { name: 'a', load, active, sub: '' }]]),
    ).get('a')!
    return `${found}${hash === '' ? ', to be loaded' : ''}`
  }
  const [start, stop, unload] = [
    { type: 'start', name: 'a', restart: '' },
    { type: 'stop', name: 'a' },
    { type: 'unload', name: 'a' },
  ] as const
  t.equal(adopted('loaded', start, 'inactive'), 'loaded')
  t.equal(adopted('loaded', start, 'activating'), 'launched')
  t.equal(adopted('launched', stop, 'active'), 'launched')
  t.equal(adopted('launched', stop, 'deactivating'), 'loaded')
  t.equal(adopted('launched', stop, 'inactive'), 'loaded')
  t.equal(adopted('launched', unload, 'active'), 'launched, to be loaded')
  t.equal(adopted('launched', unload, 'inactive'), 'loaded, to be loaded')
  const both = decodeMemory(encodeMemory(new Map([['a', held(a, 'launched')]]), [unload, start]))
  t.match(both.get('a'), { hash: '', isUnsure: true }, 'also one that is loaded anew at once')
  t.equal(adopted('launched', { type: 'reload' }, 'inactive'), 'launched', 'it has ended by itself')
  t.equal(adopted('loaded', { type: 'reload' }, 'inactive', 'not-found'), 'loaded, to be loaded')
  t.end()
})
