import type { Test } from 'tap'
import { parseUnit, serializeUnit } from '#lib/fleet/unit/file.ts'
import type { Fleet, FleetTest } from './lab.ts'
import { HELLO, instances, sleeper } from './units.ts'

/** A command that brings units up to a state, and the one that undoes it. */
interface Batch {
  command: 'submit' | 'load' | 'start'
  undo: 'destroy' | 'unload' | 'stop'
  count: number
  /** How often: what is left of the first time shows in the second one. */
  rounds: number
  /** How many units there are now, as the command counts them. */
  counted: (fleet: Fleet) => Promise<number>
}

const SUBMIT: Batch = {
  command: 'submit',
  undo: 'destroy',
  count: 9,
  rounds: 2,
  counted: async fleet => (await fleet.units()).length,
}
const LOAD: Batch = {
  command: 'load',
  undo: 'unload',
  count: 6,
  rounds: 1,
  counted: async fleet => (await fleet.states()).length,
}
const START: Batch = {
  command: 'start',
  undo: 'stop',
  count: 3,
  rounds: 2,
  counted: async fleet => (await fleet.running()).length,
}

/** The group `unit` of the original's tests. */
export const UNIT_TESTS: readonly FleetTest[] = [
  ['TestUnitStartReplace', 'start-replace@', (t, fleet) => replace(t, fleet, START)],
  ['TestUnitLoadReplace', 'load-replace@', (t, fleet) => replace(t, fleet, LOAD)],
  ['TestUnitSubmitReplace', 'submit-replace@', (t, fleet) => replace(t, fleet, SUBMIT)],
  ['TestUnitLoad', 'load@', (t, fleet) => bringAndUndo(t, fleet, LOAD)],
  ['TestUnitStart', 'start@', (t, fleet) => bringAndUndo(t, fleet, START)],
  ['TestUnitSubmit', 'submit@', (t, fleet) => bringAndUndo(t, fleet, SUBMIT)],
  ['TestUnitRestart', 'restart@', restart],
  ['TestUnitSSHActions', 'speaks', sshActions],
  ['TestUnitRunnable', 'runnable', runnable],
  ['TestUnitStatus', 'status', status],
  ['TestUnitCat', 'shown', cat],
  ['TestListUnitFilesOrder', 'order@', listOrder],
]

async function runnable(t: Test, fleet: Fleet): Promise<void> {
  await fleet.said('start', await fleet.write('runnable.service', HELLO))
  t.same([...(await fleet.untilRunning(1)).keys()], ['runnable.service'])
}

/** Many in one command, one by one away; and all of it once more, away in one command as well. */
async function bringAndUndo(
  t: Test,
  fleet: Fleet,
  { command, undo, count, rounds, counted }: Batch,
): Promise<void> {
  await fleet.write(`${command}@.service`, sleeper())
  const names = instances(command, count)
  for (let round = 1; round <= rounds; round++) {
    await fleet.said(command, ...names.map(name => `${fleet.folder}/${name}`))
    await fleet.until(`${count} units`, async () => (await counted(fleet)) === count)
    t.same(await fleet.listed('list-unit-files', '--fields=unit'), names, `all are listed, round ${round}`)
    for (const words of round === 1 ? names.map(name => [name]) : [names]) await fleet.said(undo, ...words)
    await fleet.until('none', async () => (await counted(fleet)) === 0)
    t.equal(await counted(fleet), 0, `none is left, round ${round}`)
  }
}

async function replace(t: Test, fleet: Fleet, { command, undo, count, counted }: Batch): Promise<void> {
  const names = instances(`${command}-replace`, count)
  const before = sleeper().replace('infinity', '10000')
  const after = sleeper().replace('infinity', '20000')
  const paths = await fleet.writeAll(Object.fromEntries(names.map(name => [name, before])))
  await fleet.said(command, ...paths)
  await fleet.until(`${count} units`, async () => (await counted(fleet)) === count)
  await fleet.writeAll(Object.fromEntries(names.map(name => [name, after])))
  await fleet.said(command, '--replace', ...paths)
  await fleet.until(`${count} units again`, async () => (await counted(fleet)) === count)
  for (const name of names) t.equal(await fleet.said('cat', name), after, `${name} has the new text`)
  await fleet.said(undo, ...names)
  await fleet.until('none', async () => (await counted(fleet)) === 0)
}

/** The original's restart did nothing to a unit that was launched: that it restarts is asserted as well. */
async function restart(t: Test, fleet: Fleet): Promise<void> {
  await fleet.write('restart@.service', sleeper())
  const names = instances('restart', 3)
  await fleet.said('start', ...names.map(name => `${fleet.folder}/${name}`))
  const places = await fleet.untilRunning(3)
  const invocations = async (): Promise<string[]> =>
    await Promise.all(
      names.map(name =>
        fleet.member(places.get(name)).guest.said(`systemctl show --value -p InvocationID ${name}`),
      ),
    )
  const before = await invocations()
  await fleet.said('restart', ...names)
  t.same(await fleet.untilRunning(3), places, 'where they were')
  for (const [at, id] of (await invocations()).entries()) t.not(id, before[at], `${names[at]} was restarted`)
  await fleet.said('stop', ...names)
  await fleet.until('none that runs', async () => (await fleet.running()).length === 0)
}

async function sshActions(t: Test, fleet: Fleet): Promise<void> {
  await fleet.said('start', await fleet.write('speaks.service', HELLO))
  const [[, id]] = [...(await fleet.untilRunning(1))] as [[string, string]]
  const { name } = fleet.member(id).guest
  t.equal(await fleet.said('ssh', 'speaks.service', 'echo', 'foo'), 'foo\n')
  t.equal(await fleet.said('ssh', id.slice(0, 8), 'hostname'), `${name}\n`)
  for (const way of [[], ['--ssh']]) {
    const by = way.length === 0 ? 'by the API' : 'by SSH'
    t.match(await fleet.said('status', ...way, 'speaks.service'), 'Active: active', by)
    t.match(await fleet.said('journal', '--sudo', ...way, 'speaks.service'), 'Hello, World!', by)
  }
  const failed = await fleet.run(['ssh', 'speaks.service', 'exit 7'])
  t.equal(failed.status, 7, 'the status of the command')
}

/** The registry has no comments: what `cat` shows is the file, as it is written again. */
async function cat(t: Test, fleet: Fleet): Promise<void> {
  await fleet.said('submit', await fleet.write('shown.service', `# a comment\n${HELLO}`))
  t.equal(await fleet.said('cat', 'shown.service'), serializeUnit(parseUnit(HELLO)))
}

async function status(t: Test, fleet: Fleet): Promise<void> {
  await fleet.said('load', await fleet.write('status.service', HELLO))
  // The status of systemctl for a unit that does not run.
  const { out, err, status } = await fleet.run(['status', 'status.service'])
  t.match({ out, err, status }, { out: 'Loaded: loaded', err: '', status: 3 })
}

async function listOrder(t: Test, fleet: Fleet): Promise<void> {
  await fleet.write('order@.service', sleeper())
  const names = Array.from({ length: 20 }, (_, at) => `order@${String(at + 1).padStart(2, '0')}.service`)
  await fleet.said('submit', ...[...names].reverse().map(name => `${fleet.folder}/${name}`))
  t.same(await fleet.listed('list-unit-files', '--fields', 'unit'), names)
}
