import type { Test } from 'tap'
import { request } from '#lib/http/host/client.ts'
import type { Fleet, FleetTest } from './lab.ts'
import { instances, sleeper } from './units.ts'

/** The groups `machines` and `metadata` of the original's tests. */
export const MACHINES_TESTS: readonly FleetTest[] = [
  ['TestMachinesList', 'none', list],
  ['TestMachinesListBadNextPageToken', 'none', badToken],
  ['TestMachinesPatchAddModify, TestMachinesPatchDelete', 'none', patch],
  ['TestMachinesPatchBad', 'none', patchBad],
  ['TestTemplatesWithSpecifiersInMetadata', 'metadata@', specifiers],
]

const ANSWER_MS = 20_000
const JSON_TYPE = /^application\/json/
const MACHINES = '/fleet/v1/machines'

interface Reply {
  status: number
  type: string
  body: string
}

async function ask(fleet: Fleet, path: string, edits?: readonly object[]): Promise<Reply> {
  const { status, headers, body } = await request({
    url: `http://fleet${path}`,
    socketPath: fleet.via.guest.place.socketPath,
    timeoutMs: ANSWER_MS,
    ...(edits === undefined
      ? {}
      : {
          method: 'PATCH',
          body: JSON.stringify(edits),
          headers: { 'Content-Type': 'application/json' },
        }),
  })
  return { status, type: String(headers['content-type']), body: body.toString('utf8') }
}

async function list(t: Test, fleet: Fleet): Promise<void> {
  const { status, type, body } = await ask(fleet, MACHINES)
  t.equal(status, 200)
  t.match(type, JSON_TYPE)
  t.same(
    (JSON.parse(body) as { machines: { id: string }[] }).machines.map(({ id }) => id).sort(),
    fleet.members.map(({ id }) => id).sort(),
  )
}

async function badToken(t: Test, fleet: Fleet): Promise<void> {
  const { status, type, body } = await ask(fleet, `${MACHINES}?nextPageToken=EwBMLg==`)
  t.equal(status, 400)
  t.match(type, JSON_TYPE)
  t.match(JSON.parse(body), { error: { code: 400, message: 'token limit must be 100' } })
}

async function metadata(fleet: Fleet): Promise<Record<string, string>[]> {
  const machines = await fleet.via.api.machines()
  return fleet.members.map(({ id }) => {
    // What the tests have configured beside the name is not of interest here.
    const { ttl: _, ...metadata } = machines.find(machine => machine.id === id)?.metadata ?? {}
    return metadata
  })
}

/** The value as the original's server wants it, and as its documentation has it: both are taken. */
async function patch(t: Test, fleet: Fleet): Promise<void> {
  const [one, two] = fleet.members as [Fleet['members'][0], Fleet['members'][0]]
  const added = await ask(fleet, MACHINES, [
    { op: 'add', path: `/${one.id}/metadata/foo`, value: { value: 'bar' } },
    { op: 'replace', path: `/${one.id}/metadata/ping`, value: 'splat' },
    { op: 'add', path: `/${two.id}/metadata/foo`, value: 'fleet' },
    { op: 'replace', path: `/${two.id}/metadata/ping`, value: { value: 'pong' } },
  ])
  t.equal(added.status, 204)
  t.match(added.type, JSON_TYPE)
  const names = fleet.members.map(({ guest }) => guest.name)
  const merged = [
    { foo: 'bar', hostname: names[0], ping: 'splat' },
    { foo: 'fleet', hostname: names[1], ping: 'pong' },
    { hostname: names[2] },
  ]
  await fleet.until('the new metadata', async () => (await metadata(fleet))[1]?.['ping'] === 'pong')
  t.same(await metadata(fleet), merged)
  const paths = [one, two].flatMap(({ id }) => [`/${id}/metadata/foo`, `/${id}/metadata/ping`])
  const removed = await ask(
    fleet,
    MACHINES,
    paths.map(path => ({ op: 'remove', path })),
  )
  t.equal(removed.status, 204)
  t.match(removed.type, JSON_TYPE)
  await fleet.until('no such metadata', async () => (await metadata(fleet))[1]?.['ping'] === undefined)
  t.same(
    await metadata(fleet),
    names.map(hostname => ({ hostname })),
  )
}

async function patchBad(t: Test, fleet: Fleet): Promise<void> {
  const { id } = fleet.members[0]!
  const path = `/${id}/metadata/foo`
  for (const edit of [
    { op: 'noop', path, value: { value: 'bar' } },
    { op: 'add', path: `/${id}/foo`, value: { value: 'bar' } },
    { op: 'add', path, value: { value: '' } },
  ]) {
    const { status, type, body } = await ask(fleet, MACHINES, [edit])
    t.equal(status, 400, JSON.stringify(edit))
    t.match(type, JSON_TYPE)
    t.match(JSON.parse(body), { error: { code: 400 } })
  }
}

/** The original waited 40 seconds for the one that cannot be placed; its reason is there at once. */
async function specifiers(t: Test, fleet: Fleet): Promise<void> {
  await fleet.write('metadata@.service', sleeper(['MachineMetadata=hostname=%i']))
  const names = fleet.members.map(({ guest }) => `metadata@${guest.name}.service`)
  for (const name of names) await fleet.said('start', `${fleet.folder}/${name}`)
  const places = await fleet.untilRunning(3)
  for (const { id, guest } of fleet.members)
    t.equal(places.get(`metadata@${guest.name}.service`), id, `${guest.name} has its own`)
  const [invalid] = instances('metadata', 1).map(name => name.replace('@1', '@invalid'))
  const { status, err } = await fleet.run(['start', '--block-attempts=1', `${fleet.folder}/${invalid}`])
  t.equal(status, 1)
  t.match(err, `Unit ${invalid} cannot be placed`)
}
