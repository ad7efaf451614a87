// Listings of a large fleet: what a page costs does not grow with what is on the other pages.

import t from 'tap'
import { encodeJob, encodeState, encodeUnit } from '#lib/fleet/registry/codec.ts'
import type { Page } from '#lib/fleet/shapes.ts'
import { hashUnit, parseUnit } from '#lib/fleet/unit/file.ts'
import { Query } from '../../daemons/fleet/api/query.ts'
import { answer } from '../../daemons/fleet/api/service.ts'
import { NodeBackend } from '../../daemons/fleet/backend.ts'
import { SILENT } from '../../daemons/fleet/log.ts'
import { TestFleet } from './lib/fleet.ts'

const LIMIT = 100
const MACHINE = 'f'.repeat(32)
/** Ten times the units cost ten times as much; a hundred times would be a listing for each page. */
const RATIO_MAX = 40
/** What is so short is noise. */
const NOISE_MS = 10

/** A cluster with so many units, each with a state, and the API of a machine in it. */
async function open(units: number): Promise<{ fleet: TestFleet; backend: NodeBackend }> {
  const fleet = new TestFleet()
  const { etcd, keys, clock } = fleet
  const options = parseUnit('[Service]\nExecStart=/bin/sleep 1\n')
  const hash = hashUnit(options)
  etcd.write(keys.unit(hash), encodeUnit(options))
  const state = {
    machineId: MACHINE,
    hash,
    load: 'loaded',
    active: 'active',
    sub: 'running',
    restart: '',
    agentState: 'launched' as const,
  }
  for (let n = 0; n < units; n++) {
    const name = nameOf(n)
    etcd.write(keys.jobKey(name, 'object'), encodeJob(name, hash))
    etcd.write(keys.jobKey(name, 'target-state'), 'inactive')
    etcd.write(keys.state(name, MACHINE), encodeState({ name, ...state }))
  }
  const { node } = fleet.add('a')
  const backend = new NodeBackend(node!, 'a', { clock, log: SILENT, nextId: () => '' })
  await fleet.pass(backend.statesOf(nameOf(0)))
  return { fleet, backend }
}

function nameOf(n: number): string {
  return `u@${String(n).padStart(5, '0')}.service`
}

/** Names in a whole listing, and the time that all its pages took. */
async function list(
  fleet: TestFleet,
  backend: NodeBackend,
  kind: 'units' | 'states',
): Promise<{ names: string[]; ms: number }> {
  const names: string[] = []
  const began = performance.now()
  for (let token = ''; ; ) {
    const query = new Query(token === '' ? '' : `nextPageToken=${token}`)
    const asked = { query, contentTypes: [], body: Buffer.alloc(0) }
    const { body } = await fleet.pass(answer({ kind }, asked, backend, LIMIT))
    const page = JSON.parse(body) as Page
    names.push(...(page[kind] ?? []).map(({ name }) => name))
    token = page.nextPageToken ?? ''
    if (token === '') return { names, ms: Math.max(performance.now() - began, NOISE_MS) }
  }
}

t.test('all pages of 10,000 units', async t => {
  const [few, many] = [await open(1_000), await open(10_000)]
  for (const kind of ['units', 'states'] as const) {
    const small: number[] = []
    for (let round = 0; round < 5; round++) small.push((await list(few.fleet, few.backend, kind)).ms)
    await list(many.fleet, many.backend, kind)
    const { names, ms } = await list(many.fleet, many.backend, kind)
    t.equal(names.length, 10_000)
    t.same(names, [...names].sort())
    const ratio = ms / small.sort((a, b) => a - b)[2]!
    t.ok(ratio < RATIO_MAX, `${kind}: ${Math.round(ms)} ms, ${ratio.toFixed(1)} times what 1,000 cost`)
  }
  for (const { fleet, backend } of [few, many]) {
    backend.close()
    await fleet.close()
  }
})
