import t from 'tap'
import type { UnitBody, UnitStateBody } from '#lib/fleet/shapes.ts'
import type { Client } from './client.ts'
import type { Io } from './io.ts'
import { type Late, lookAtState, lookAtSystemd, waitAll } from './waits.ts'

/** A cluster that changes as time goes on, and what a wait for it printed. */
interface Played {
  late: Late[]
  out: string
  err: string
  seconds: number
  /** How often it was asked for anything. */
  asked: number
}

interface Scene {
  units: UnitBody[]
  states: UnitStateBody[]
}

const ID = 'a'.repeat(32)
const at = (name: string, more: Partial<UnitBody> = {}): UnitBody => ({
  name,
  desiredState: 'launched',
  ...more,
})
const state = (name: string, active: string, sub: string, load = 'loaded'): UnitStateBody => ({
  name,
  machineID: ID,
  systemdLoadState: load,
  systemdActiveState: active,
  systemdSubState: sub,
})

/** Waits for units of a scene that depends on the seconds gone by. */
async function play(
  scene: (seconds: number) => Scene,
  names: string[],
  options: { attempts?: number; wanted?: string; isSystemd?: boolean } = {},
): Promise<Played> {
  const { attempts = 0, wanted = 'launched' } = options
  let now = 0
  const played: Played = { late: [], out: '', err: '', seconds: 0, asked: 0 }
  const seen = (): Scene => {
    played.asked++
    return scene(now / 1000)
  }
  const client = {
    units: async () => seen().units,
    states: async (name?: string) => seen().states.filter(one => name === undefined || one.name === name),
    unit: async (name: string) => seen().units.find(one => one.name === name),
    machines: async () => [{ id: ID, primaryIP: '10.0.0.1' }],
  } as Partial<Client> as Client
  const io = {
    now: () => now,
    sleep: async (ms: number) => {
      now += ms
    },
    out: (text: string) => {
      played.out += text
    },
    err: (text: string) => {
      played.err += text
    },
  } as Partial<Io> as Io
  played.late = await waitAll({ io, client, attempts }, names, (view, name) =>
    options.isSystemd === true
      ? lookAtSystemd(name, view.states(name), { isLaunched: true })
      : lookAtState(view, name, wanted),
  )
  played.seconds = now / 1000
  return played
}

t.test('a unit that comes about is told of', async t => {
  const scene = (s: number): Scene => ({
    units: [at('u', s < 3 ? {} : { machineID: ID, currentState: 'launched' })],
    states: [],
  })
  t.match(await play(scene, ['u']), {
    late: [],
    out: 'Unit u launched on aaaaaaaa.../10.0.0.1\n',
    seconds: 3,
  })
  const short = await play(scene, ['u'], { attempts: 1 })
  t.same(short.late, [{ name: 'u', why: '' }], 'one attempt is two seconds')
  t.equal(short.seconds, 2)
})

t.test('a start that will never be ends with the truth', async t => {
  const placed = { machineID: ID, currentState: 'loaded' } as const
  const cases: [what: string, scene: Scene, why: RegExp, seconds: number][] = [
    [
      'nobody places it',
      { units: [at('u')], states: [] },
      /^Unit u was given no machine, and no engine says why$/,
      60,
    ],
    [
      'nobody can run it',
      { units: [at('u', { reason: 'no machine can run it' })], states: [] },
      /^Unit u cannot be placed: no machine can run it$/,
      60,
    ],
    [
      'its machine is silent',
      { units: [at('u', placed)], states: [] },
      /^Unit u is not launched: its machine aaaaaaaa\.\.\. does nothing about it$/,
      60,
    ],
    ['it is gone', { units: [], states: [] }, /^Unit u does not exist$/, 0],
    [
      'somebody has stopped it',
      { units: [at('u', { ...placed, desiredState: 'loaded' })], states: [] },
      /^Unit u is not to be launched any more: somebody wants it loaded$/,
      0,
    ],
    [
      'it has failed before it was said to be launched',
      { units: [at('u', placed)], states: [state('u', 'failed', 'failed')] },
      /^Unit u has failed; see: fleetctl journal u$/,
      0,
    ],
  ]
  for (const [what, scene, why, seconds] of cases) {
    const played = await play(() => scene, ['u'])
    t.match(played.late[0]?.why, why, what)
    t.equal(played.seconds, seconds, what)
  }
  const left = {
    units: [at('u', { machineID: ID, currentState: 'inactive', desiredState: 'inactive' })],
    states: [],
  }
  t.match((await play(() => left, ['u'], { wanted: 'inactive' })).late[0], {
    why: 'Unit u keeps its machine aaaaaaaa...: no engine takes it from there',
  })
  const told = await play(() => ({ units: [at('u', { reason: 'no room' })], states: [] }), ['u'])
  t.equal(told.err, 'Unit u cannot be placed: no room\n', 'once, and at once')
})

t.test('what systemd says is believed', async t => {
  const cases: [what: string, states: UnitStateBody[], why: RegExp, seconds: number][] = [
    ['it has failed', [state('u', 'failed', 'failed')], /^Unit u has failed; see: fleetctl journal u$/, 0],
    [
      'it fails again and again',
      [state('u', 'activating', 'auto-restart')],
      /^Unit u fails and is started again and again; see: fleetctl journal u$/,
      60,
    ],
    [
      'there is no such program',
      [state('u', 'inactive', 'dead', 'bad-setting')],
      /^Unit u cannot run: systemd says that it is bad-setting$/,
      60,
    ],
    ['nobody tells of it', [], /^no machine tells of unit u$/, 60],
  ]
  for (const [what, states, why, seconds] of cases) {
    const played = await play(() => ({ units: [], states }), ['u'], { isSystemd: true })
    t.match(played.late[0]?.why, why, what)
    t.equal(played.seconds, seconds, what)
  }
  const slow = (s: number): Scene => ({
    units: [],
    states: [s < 300 ? state('u', 'activating', 'start') : state('u', 'active', 'running')],
  })
  t.match(await play(slow, ['u'], { isSystemd: true }), { late: [], seconds: 300 }, 'slow is not wrong')
  const oneshot = { units: [], states: [state('u', 'inactive', 'dead')] }
  t.match(await play(() => oneshot, ['u'], { isSystemd: true }), { late: [], seconds: 0 }, 'done is done')
})

t.test('a state of before the start is no end of it', async t => {
  for (const [before, after, why] of [
    ['inactive', 'inactive', undefined],
    ['failed', 'active', undefined],
    ['active', 'active', undefined],
    ['inactive', 'failed', 'Unit u has failed; see: fleetctl journal u'],
  ] as const) {
    const scene = (s: number): Scene => {
      if (s < 3) return { units: [], states: [{ ...state('u', before, ''), agentState: 'loaded' }] }
      const now = s < 6 ? 'activating' : after
      return { units: [], states: [{ ...state('u', now, ''), agentState: 'launched' }] }
    }
    const { late, seconds } = await play(scene, ['u'], { isSystemd: true })
    t.equal(late[0]?.why, why, `${before}, then ${after}`)
    t.equal(seconds, 6, `${before}, then ${after}`)
  }
  const never = { units: [], states: [{ ...state('u', 'inactive', 'dead'), agentState: 'loaded' as const }] }
  const played = await play(() => never, ['u'], { isSystemd: true })
  t.equal(played.late[0]?.why, 'Unit u has not been started where it is')
  t.equal(played.seconds, 60)
})

t.test('thousands of units cost one look, and each has its own end', async t => {
  const names = Array.from({ length: 10_000 }, (_, n) => `u@${n}`)
  const scene = {
    units: names.map(name => at(name, name === 'u@7' ? {} : { machineID: ID, currentState: 'launched' })),
    states: [],
  }
  const began = performance.now()
  const played = await play(() => scene, names, { attempts: 1 })
  t.same(played.late, [{ name: 'u@7', why: '' }])
  t.equal(played.out.split('\n').length, 10_000)
  t.equal(played.asked, 2 + 2 * 8, 'one look at all of them, then at the one that is left')
  t.ok(performance.now() - began < 2_000)
})
