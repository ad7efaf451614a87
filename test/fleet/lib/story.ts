import { Random } from '../../sim/world/random.ts'
import { TestFleet, type TestMachine } from './fleet.ts'

/** What a run of faults found wrong; empty for nothing. */
export interface Story {
  problems: string[]
  /** What was done to the fleet, in order. */
  acts: string[]
}

const TEXTS = [
  '',
  '',
  '',
  'Conflicts=u1*',
  'Conflicts=u2',
  'Replaces=u3',
  'MachineOf=u4',
  'MachineMetadata=z=0',
  'Global=true',
  'Global=true\nMachineMetadata=z=1',
]
const UNITS = 12
const ACTS = 25
const HEAL_MS = 240_000
const TTL_MS = 30_000
/** Longer than anything takes while all is well. */
const SETTLE_MS = 90_000
/** What was begun before the store went away may end. */
const UNDER_WAY_MS = 10_000
/** The unit that others replace. */
const DRIVEN = 'u3.service'

/**
 * Does random things to a fleet and its store, heals all of it, and looks: every unit is where the registry says, runs
 * there if it is to, and nowhere else. And while the store is away, no daemon that lives stops or starts anything.
 */
export async function tell(seed: number): Promise<Story> {
  const random = new Random(seed)
  const fleet = new TestFleet({ random: () => random.next(), agentTtlMs: TTL_MS })
  const story: Story = { problems: [], acts: [] }
  const machines = Array.from({ length: 2 + random.below(4) }, (_, n) =>
    fleet.add(`m${n}`, { metadata: { z: String(n % 2) } }),
  )
  try {
    for (let act = 0; act < ACTS; act++) await doSomething(fleet, machines, random, story)
    await heal(fleet, machines)
    await checkEnd(fleet, story)
  } finally {
    await fleet.close()
  }
  return story
}

async function doSomething(
  fleet: TestFleet,
  machines: TestMachine[],
  random: Random,
  story: Story,
): Promise<void> {
  const machine = machines[random.below(machines.length)]!
  const unit = `u${random.below(UNITS)}.service`
  const act = ACTIONS[random.below(ACTIONS.length)]!
  story.acts.push(`${Math.round(fleet.clock.now() / 1000) % 100_000} ${act} ${machine.id} ${unit}`)
  switch (act) {
    case 'put': {
      const text = TEXTS[random.below(TEXTS.length)]!.replaceAll(/u\d/g, name => `${name}.service`)
      const body = `[Service]\nExecStart=/bin/sleep ${random.below(3)}\n\n[X-Fleet]\n${text}\n`
      await fleet.put(unit, body, random.below(5) === 0 ? 'loaded' : 'launched')
      break
    }
    case 'destroy':
      await fleet.destroy(unit)
      break
    case 'kill':
      if (machine.node !== undefined) await fleet.kill(machine)
      break
    case 'crash':
      await fleet.crash(machine)
      break
    case 'stop':
      if (machine.node !== undefined && !machine.link!.isCut) await fleet.stop(machine)
      break
    case 'start':
      if (machine.node === undefined) fleet.start(machine)
      break
    case 'cut':
      if (machine.link !== undefined) machine.link.isCut = true
      break
    case 'mend':
      for (const { link } of machines) if (link !== undefined) link.isCut = false
      break
    case 'loss':
      if (machine.link !== undefined) machine.link.loss = 0.2
      break
    case 'outage':
      await outage(fleet, machines, random, story)
      break
    case 'fail':
      machine.systemd.failing.add(`start ${unit}`)
  }
  await fleet.clock.advance(random.below(20_000))
}

const ACTIONS = [
  'put',
  'put',
  'put',
  'put',
  'destroy',
  'kill',
  'crash',
  'stop',
  'start',
  'start',
  'cut',
  'mend',
  'loss',
  'outage',
  'fail',
] as const

/**
 * The store is away for up to two minutes, long enough for every sign of life to end: nothing is stopped while it is
 * away, nor because of that when it is back.
 */
async function outage(
  fleet: TestFleet,
  machines: readonly TestMachine[],
  random: Random,
  story: Story,
): Promise<void> {
  await fleet.clock.advance(SETTLE_MS)
  fleet.etcd.isDown = true
  await fleet.clock.advance(UNDER_WAY_MS)
  const before = new Map(machines.map(machine => [machine, machine.systemd.running]))
  await fleet.clock.advance(random.below(110_000))
  for (const [{ id, systemd }, ran] of before) {
    if (systemd.failing.size === 0 && systemd.running.join() !== ran.join())
      story.problems.push(`${id} went from [${ran}] to [${systemd.running}] without a store`)
  }
  fleet.etcd.isDown = false
  await fleet.clock.advance(SETTLE_MS)
  for (const [{ id, systemd, node, link }, ran] of before) {
    if (node === undefined || link!.isCut || link!.loss > 0 || systemd.failing.size > 0) continue
    // A unit that was placed anew may drive this one away.
    const lost = ran.filter(name => name !== DRIVEN && !systemd.running.includes(name))
    if (lost.length > 0) story.problems.push(`${id} lost [${lost}] by an outage`)
  }
}

async function heal(fleet: TestFleet, machines: readonly TestMachine[]): Promise<void> {
  for (const machine of machines) {
    machine.systemd.failing.clear()
    if (machine.link !== undefined) Object.assign(machine.link, { isCut: false, loss: 0 })
    if (machine.node === undefined) fleet.start(machine)
  }
  await fleet.clock.advance(HEAL_MS)
}

async function checkEnd(fleet: TestFleet, story: Story): Promise<void> {
  const { machines } = fleet
  const [first] = machines.values()
  const jobs = first!.node!.jobs
  await fleet.pass(jobs.refresh())
  const known = new Set(jobs.all.keys())
  for (const job of jobs.all.values()) {
    const { name, desired, target, requirements } = job
    const runs = fleet.whereRuns(name)
    const has = [...machines.values()].filter(({ systemd }) => systemd.files.has(name)).map(({ id }) => id)
    if (requirements.isGlobal) {
      if (target !== undefined) story.problems.push(`${name} is global and has the machine ${target}`)
      continue
    }
    const wanted = desired === 'inactive' || target === undefined ? [] : [target]
    if (has.join() !== wanted.join())
      story.problems.push(`${name} is to be on [${wanted}] and is on [${has}]`)
    const running = desired === 'launched' ? wanted : []
    if (runs.join() !== running.join())
      story.problems.push(`${name} is to run on [${running}] and runs on [${runs}]`)
    if (desired === 'launched' && target !== undefined && job.heartbeat !== target)
      story.problems.push(`${name} runs on ${target}, and ${job.heartbeat} says so`)
    if (desired !== 'inactive' && target === undefined && job.problem === '')
      story.problems.push(`${name} has no machine, and no reason`)
  }
  for (const { id, systemd } of machines.values()) {
    for (const name of systemd.files.keys())
      if (!known.has(name)) story.problems.push(`${id} keeps ${name}, which is destroyed`)
  }
}
