import t from 'tap'
import type { Machine } from '#lib/fleet/model.ts'
import type { ScheduleUnit } from '#lib/fleet/placing/able.ts'
import { parseUnit } from '#lib/fleet/unit/file.ts'
import { readRequirements } from '#lib/fleet/unit/requirements.ts'
import { type Cluster, type Decision, schedule } from './schedule.ts'

function machine(id: string, metadata: Record<string, string> = {}, memoryBytes = 0): Machine {
  return { id, ip: '', metadata, version: '', capacity: { memoryBytes, cpuMillis: 0 }, boot: '', api: '' }
}

function unit(
  name: string,
  lines = '',
  target?: string,
  desired: ScheduleUnit['desired'] = 'launched',
): ScheduleUnit {
  return { name, requirements: readRequirements(name, parseUnit(`[X-Fleet]\n${lines}\n`)), desired, target }
}

const [A, B, C] = ['a', 'b', 'c'].map(id => machine(id))

function plan(
  units: ScheduleUnit[],
  machines: (Machine | undefined)[],
  more: Partial<Cluster> = {},
): ReturnType<typeof schedule> {
  const present = machines.filter(item => item !== undefined)
  return schedule({ units, machines: present, awaited: new Set(), rebalanceMax: 0, ...more })
}

/** `+u a` placed, `-u a` taken. */
function told(decisions: readonly Decision[]): string[] {
  return decisions.map(
    ({ type, unit: name, machine: id }) => `${type === 'schedule' ? '+' : '-'}${name} ${id}`,
  )
}

const moves = (...given: Parameters<typeof plan>): string[] => told(plan(...given).decisions)

t.test('the least loaded machine, then by ID', t => {
  t.same(moves([unit('u'), unit('v'), unit('w'), unit('x')], [C, B, A]), ['+u a', '+v b', '+w c', '+x a'])
  t.same(moves([unit('u', '', 'a'), unit('v')], [A, B]), ['+v b'])
  t.same(moves([unit('u', '', 'a', 'inactive'), unit('v', '', undefined, 'inactive')], [A]), ['-u a'])
  t.same(moves([unit('g', 'Global=true'), unit('u')], [A, B]), ['+u a'])
  t.same(moves([unit('u', '', 'gone')], [A]), ['-u gone', '+u a'])
  t.same(moves([unit('u', '', 'gone')], [A], { awaited: new Set(['gone']) }), [])
  t.same(moves([unit('u', 'Global=true', 'a')], [A]), ['-u a'])
  t.end()
})

t.test('constraints', t => {
  t.same(moves([unit('u', 'MachineID=b')], [A, B]), ['+u b'])
  t.same(moves([unit('u', 'MachineID=12345678')], [A, machine('1234567890')]), ['+u 1234567890'])
  const ssd = machine('b', { disk: 'ssd', zone: '1' })
  t.same(moves([unit('u', 'MachineMetadata=disk=ssd')], [A, ssd]), ['+u b'])
  t.same(moves([unit('u', 'MachineMetadata="disk=hdd" "disk=ssd" "zone=1"')], [A, ssd]), ['+u b'])
  t.same(moves([unit('u', 'MachineMetadata="disk=ssd" "zone=2"')], [A, ssd]), [])
  t.same(moves([unit('u', 'MachineMetadata=disk=ssd', 'a')], [A, ssd]), ['-u a', '+u b'])
  t.same(
    moves(
      [1, 2, 3, 4, 5].map(n => unit(`u@${n}`, 'Conflicts=u@*')),
      [A, B, C],
    ),
    ['+u@1 a', '+u@2 b', '+u@3 c'],
  )
  t.same(moves([unit('u', '', 'a'), unit('v', 'Conflicts=u')], [A]), [], 'one way is both ways')
  t.same(moves([unit('u', 'Conflicts=v', 'a'), unit('v')], [A]), [])
  t.same(moves([unit('u', 'Conflicts=*')], [A]), ['+u a'], 'never with itself')
  t.same(moves([unit('u', 'Conflicts=g'), unit('g', 'Global=true')], [A]), [])
  t.end()
})

t.test('units that belong together', t => {
  t.same(moves([unit('ping', '', 'b'), unit('pong', 'MachineOf=ping')], [A, B]), ['+pong b'])
  t.same(moves([unit('a1'), unit('ping', 'MachineOf=pong'), unit('pong', 'MachineOf=ping')], [A, B]), [
    '+a1 a',
    '+pong b',
    '+ping b',
  ])
  t.same(moves([unit('a', 'MachineOf=b'), unit('b', 'MachineOf=c'), unit('c', 'MachineID=c')], [A, B, C]), [
    '+c c',
    '+b c',
    '+a c',
  ])
  t.same(moves([unit('ping', '', 'gone'), unit('pong', 'MachineOf=ping', 'gone')], [A, B]), [
    '-ping gone',
    '-pong gone',
    '+ping a',
    '+pong a',
  ])
  t.same(moves([unit('ping', 'MachineID=b', 'a'), unit('pong', 'MachineOf=ping', 'a')], [A, B]), [
    '-ping a',
    '-pong a',
    '+ping b',
    '+pong b',
  ])
  t.same(moves([unit('a', 'MachineOf=b'), unit('b', 'Conflicts=a')], [A]), ['+b a'])
  t.same(
    moves(
      [unit('u', 'MachineOf=g'), unit('g', 'Global=true\nMachineMetadata=x=y')],
      [A, machine('b', { x: 'y' })],
    ),
    ['+u b'],
  )
  t.end()
})

t.test('replacing', t => {
  const standing = [unit('r0', '', 'a'), unit('r1', '', 'b'), unit('r2', 'MachineOf=r1', 'b')]
  t.same(moves([...standing, unit('kick', 'Replaces=r0')], [A, B]), ['+kick a', '-r0 a', '+r0 b'])
  t.same(moves([unit('u', '', 'a'), unit('k', 'Replaces=u', 'a')], [A, B]), ['-u a', '+u b'])
  t.same(moves([unit('u', '', 'a'), unit('k', 'Replaces=u', 'a')], [A]), [], 'nowhere to go: it stays')
  t.same(moves([unit('u', 'Replaces=v', 'a'), unit('v', 'Replaces=u', 'a')], [A, B]), [], 'both: neither')
  t.same(
    moves([unit('k', 'Replaces=u', 'a'), unit('l', 'Replaces=u', 'b'), unit('u', '', 'a')], [A, B]),
    [],
    'it is not driven to and fro between two',
  )
  t.same(
    moves([unit('k', 'Replaces=u', 'a'), unit('u')], [A, B, C]),
    ['+u b'],
    'a machine without its replacer',
  )
  t.end()
})

t.test('reservations', t => {
  const small = machine('a', {}, 1024 ** 3)
  const units = [1, 2, 3].map(n => unit(`u${n}`, 'MemoryReservation=512M'))
  const { decisions, problems } = plan(units, [small])
  t.same(told(decisions), ['+u1 a', '+u2 a'])
  t.same(
    [...problems],
    [['u3', 'no machine can run it: 1 machine has 0 B of memory left, 512 MiB are reserved']],
  )
  t.same(moves([unit('u', 'MemoryReservation=9G', 'a')], [small]), [], 'what runs is not taken away for that')
  t.end()
})

t.test('reasons', t => {
  const why = (units: ScheduleUnit[], machines: (Machine | undefined)[]): string | undefined =>
    plan(units, machines).problems.get('u')
  t.equal(why([unit('u')], []), 'no machine is in the cluster')
  t.equal(why([unit('u', 'MachineOf=x')], [A]), 'MachineOf names x, which is not in the registry')
  t.equal(
    why([unit('u', 'MachineOf=x'), unit('x', '', undefined, 'inactive')], [A]),
    'MachineOf names x, which is neither loaded nor started',
  )
  t.equal(
    why([unit('u', 'Conflicts=v'), unit('v', '', 'a'), unit('w', 'Conflicts=u', 'b')], [A, B]),
    'no machine can run it: 1 machine runs v, with which it conflicts; 1 machine runs w, with which it conflicts',
  )
  t.equal(
    why([unit('u', 'MachineMetadata=a=b')], [A, B]),
    'no machine can run it: 2 machines has not the metadata a=b',
  )
  t.end()
})

t.test('evening out', t => {
  const full = ['u', 'v', 'w', 'x'].map(name => unit(name, '', 'a'))
  t.same(moves(full, [A, B]), [], 'only if it is wanted')
  t.same(moves(full, [A, B], { rebalanceMax: 1 }), ['-x a', '+x b'])
  t.same(moves(full, [A, B], { rebalanceMax: 9 }), ['-x a', '+x b', '-w a', '+w b'])
  t.same(
    moves(
      full.map(({ name }) => unit(name, 'Rebalance=no', 'a')),
      [A, B],
      { rebalanceMax: 9 },
    ),
    [],
  )
  t.same(moves([unit('u', '', 'a'), unit('v', 'MachineOf=u', 'a')], [A, B], { rebalanceMax: 9 }), [])
  t.end()
})

t.test('any cluster: what is decided holds, and decides nothing more', t => {
  let state = 11
  const random = (max: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * max)
  }
  const lines = [
    '',
    '',
    'Conflicts=u1*',
    'Conflicts=u2',
    'Replaces=u3',
    'Replaces=u*',
    'MachineOf=u4',
    'MachineOf=u5',
    'MachineMetadata=z=1',
    'MachineMetadata="z=1" "z=2"',
    'Global=true',
    'MachineID=m1',
  ]
  for (let run = 0; run < 3000; run++) {
    const machines = Array.from({ length: random(5) }, (_, n) => machine(`m${n}`, { z: String(random(3)) }))
    let units = Array.from({ length: random(14) }, (_, n) =>
      unit(
        `u${n}`,
        lines[random(lines.length)],
        random(3) === 0 ? `m${random(6)}` : undefined,
        random(6) === 0 ? 'inactive' : 'launched',
      ),
    )
    const apply = (decisions: readonly Decision[]): void => {
      for (const decision of decisions) {
        const at = units.findIndex(({ name }) => name === decision.unit)
        const { target } = units[at]!
        if (decision.type === 'schedule') t.equal(target, undefined, 'only what has no machine is placed')
        else t.equal(target, decision.machine)
        units[at] = { ...units[at]!, target: decision.type === 'schedule' ? decision.machine : undefined }
      }
    }
    const again = (): Decision[] => plan(units, machines, { rebalanceMax: 2 }).decisions
    let rounds = 0
    for (let next = again(); next.length > 0; next = again()) {
      apply(next)
      if (++rounds > 30) {
        t.fail(`run ${run} does not settle: ${told(next).join(', ')}`)
        break
      }
    }
    for (const { name, target, desired, requirements } of units) {
      if (target === undefined) continue
      const here = units.filter(other => other.target === target && other.name !== name)
      const clash = here.find(other => requirements.conflicts.some(({ matches }) => matches(other.name)))
      if (clash !== undefined || desired === 'inactive' || requirements.isGlobal)
        t.fail(`run ${run}: ${name} on ${target}`)
      units = units.slice()
    }
  }
  t.end()
})
