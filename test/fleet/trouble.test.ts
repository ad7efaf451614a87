// What may go wrong around a fleet that runs: a store without room, a clock that is set, files that are none.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import { EtcdClient } from '#lib/etcd/client.ts'
import { storeSentence } from '#lib/etcd/errors.ts'
import { LiveFleet, type Result, until } from './lib/live.ts'

const UNIT = '[Service]\nExecStart=/bin/sleep 1000\n'
/** More than the first segment of the log has, less than the second. */
const FILE_BYTES_MAX = String(6 * 1024 * 1024)
/** As many as fill all the log that such files can hold, several times. */
const WRITES_MAX = 400
const VALUE = 'x'.repeat(64 * 1024)
const limit = (f: LiveFleet, bytes: string): Promise<unknown> =>
  promisify(execFile)('prlimit', ['--pid', String(f.etcdPid), `--fsize=${bytes}:`])

/** What a full store says. */
async function sentence(client: EtcdClient): Promise<string | undefined> {
  for (;;) {
    const error = await client.keys.set('/full/more', VALUE).catch((problem: unknown) => problem)
    const said = storeSentence(error)
    if (said !== undefined) return said
  }
}

t.test('an etcd without room', async t => {
  const f = await LiveFleet.open()
  t.teardown(() => f.close())
  const machine = await f.add('a')
  const files = { 'u.service': UNIT, 'v@.service': UNIT }
  t.match(await f.fleetctl(['start', 'u.service'], { files }), { status: 0 })
  await limit(f, FILE_BYTES_MAX)
  const full = /etcd member \S+ takes no writes: etcdserver: no space/
  const client = new EtcdClient({ endpoints: [f.etcd] })
  t.teardown(() => client.close())
  const fill = async (): Promise<void> => {
    for (let n = 0; n < WRITES_MAX; n++) await client.keys.set(`/full/${n}`, VALUE)
  }
  await t.rejects(fill(), { message: full })
  // A small write may find room now and then: commands are repeated until one is refused.
  const refused = async (driver: 'API' | 'etcd'): Promise<Result> => {
    let result: Result | undefined
    let instance = 0
    await until(async () => {
      await client.keys.set('/full/more', VALUE).catch(() => undefined)
      const words = ['submit', `v@${driver}${instance++}.service`]
      result = await f.fleetctl(words, { files, driver })
      return result.status === 1
    })
    return result!
  }
  t.equal((await refused('etcd')).err, `Error creating units: ${await sentence(client)}\n`)
  t.match((await refused('API')).err, full, 'the API says why')
  t.match(
    await f.fleetctl(['list-unit-files', '--no-legend'], { driver: 'etcd' }),
    { status: 0, out: /^u\.service/m },
    'reads go on',
  )
  t.same(machine.systemd.running, ['u.service'], 'what runs goes on')
  await limit(f, 'unlimited')
  await until(async () => (await f.fleetctl(['stop', 'u'])).status === 0, 30_000)
  t.same(machine.systemd.running, [])
})

t.test('a clock that is set', async t => {
  const f = await LiveFleet.open({ ttlMs: 3_000 })
  t.teardown(() => f.close())
  const machine = await f.add('a')
  await f.add('b')
  const files = { 'u.service': UNIT, 'v.service': UNIT }
  t.match(await f.fleetctl(['start', 'u.service'], { files }), { status: 0 })
  const real = Date.now
  t.teardown(() => {
    Date.now = real
  })
  for (const jumpMs of [86_400_000, -86_400_000]) {
    Date.now = () => real() + jumpMs
    // Longer than what is renewed is left alone.
    await new Promise(resolve => setTimeout(resolve, 2_000))
    t.same(machine.systemd.running, ['u.service'])
    t.equal(machine.systemd.starts.get('u.service'), 1, 'nothing was moved or restarted')
    t.equal((await f.fleetctl(['list-machines', '--no-legend'])).out.split('\n').length, 3)
    t.match(await f.fleetctl(['start', 'v.service'], { files }), { status: 0, out: /launched on bbbbbbbb/ })
    t.match(await f.fleetctl(['destroy', 'v.service']), { status: 0 })
  }
})

t.test('files and names that are none', async t => {
  const f = await LiveFleet.open()
  t.teardown(() => f.close())
  const { systemd } = await f.add('a')
  const cases: [name: string, text: string, err: RegExp][] = [
    [
      'x.service',
      `[Service]\nExecStart=${'x'.repeat(2100)}\n`,
      /x\.service: line 2: line too long \(max 2048 bytes\)\n$/,
    ],
    ['x.service', '[Service]\nExecStart=/bin/true\nfoo', /x\.service: line 3: /],
    ['x.service', '[Service]\nExecStart=/bin/true\n[Unit] more\n', /x\.service: line 3: /],
    ['x.service', '\u0000\u0001\u0002', /the file has no section with an option in it\n$/],
    ['dir/..service', UNIT, /^(?!.*\n.*\n)/],
    ['@.service', UNIT, /unit name cannot start in "@"/],
    [`${'n'.repeat(260)}.service`, UNIT, /unit name exceeds maximum length \(256\)/],
    [
      'x.service',
      `${UNIT}[X-Fleet]\nMachineID=a\nMachineOf=y.service\n`,
      /MachineID cannot be used with Peers/,
    ],
    ['x.service', `${UNIT}[X-Fleet]\nMachineID=a\nConflicts=y\n`, /MachineID cannot be used with Conflicts/],
    ['x.service', `${UNIT}[X-Fleet]\nMachineID=a\nReplaces=y\n`, /MachineID cannot be used with Replaces/],
    ['x.service', `${UNIT}[X-Fleet]\nGlobal=yes\nMachineOf=y.service\n`, /Global cannot be used with Peers/],
    ['x.service', `${UNIT}[X-Fleet]\nGlobal=yes\nReplaces=y\n`, /Global cannot be used with Replaces/],
    ['x.service', `${UNIT}[X-Fleet]\nConflicts=y\nReplaces=z\n`, /Conflicts cannot be used with Replaces/],
  ]
  for (const [name, text, err] of cases) {
    const result = await f.fleetctl(['submit', name], { files: { [name]: text } })
    t.match(result.err, err, `${name} ${text.slice(0, 60)}`)
    if (name !== 'dir/..service') t.equal(result.status, 1)
  }
  // A path is where the file is; the unit has the name of its last part.
  t.match(
    await f.fleetctl(['start', 'some/dir/own.service'], {
      files: { 'some/dir/own.service': `${UNIT}[X-Fleet]\nConflicts=own*\n` },
    }),
    {
      status: 0,
      out: /^Unit own\.service inactive\nUnit own\.service launched on aaaaaaaa/,
    },
    'a unit does not stand in its own way',
  )
  const self = await f.fleetctl(['start', '--block-attempts=2', 'self.service'], {
    files: { 'self.service': `${UNIT}[X-Fleet]\nMachineOf=self.service\n` },
  })
  t.match(self, { status: 0 }, 'and is where it is')
  t.match(await f.fleetctl(['submit', '--sign', 'own.service']), { status: 2, err: /^DEPRECATED/ })
  t.match(await f.fleetctl(['verify', 'own.service']), { status: 2, err: /^DEPRECATED/ })
  t.notMatch((await f.fleetctl(['help'])).out, /^\tverify/m)
  t.match(await f.fleetctl(['restart', '--block-attempts=1', 'own']), { status: 0 })
  t.equal(systemd.starts.get('own.service'), 2)
})

t.test('what others have written', async t => {
  const f = await LiveFleet.open()
  t.teardown(() => f.close())
  await f.add('a')
  const files = { 'good.service': UNIT, 'bogus.service': UNIT, 'lost.service': UNIT }
  t.match(await f.fleetctl(['submit', ...Object.keys(files)], { files }), { status: 0 })
  const client = new EtcdClient({ endpoints: [f.etcd] })
  t.teardown(() => client.close())
  const job = '/_coreos.com/fleet/job'
  await client.keys.set(`${job}/bogus.service/target-state`, 'bogus')
  await client.keys.set(`${job}/lost.service/object`, '{"Name":"lost.service","UnitHash":[1,2]}')
  await client.keys.set(`${job}/empty.service/target-state`, 'launched')
  await client.keys.set('/_coreos.com/fleet/machines/x/object', '{')
  await client.keys.set('/_coreos.com/fleet/machines/y/metadata/k', 'v')
  for (const driver of ['API', 'etcd'] as const) {
    const list = ['list-unit-files', '--no-legend', '--fields=unit,dstate,reason']
    await until(async () => (await f.fleetctl(list, { driver })).out.includes('not readable'))
    t.equal(
      (await f.fleetctl(list, { driver })).out,
      'bogus.service\tinactive\ttarget-state "bogus" is none\ngood.service\tinactive\t-\nlost.service\tinactive\tits object is not readable\n',
      'a value that cannot be read is told of, and hides no other',
    )
    t.equal(
      (await f.fleetctl(['list-machines', '--no-legend'], { driver })).out,
      'aaaaaaaa...\t10.0.0.1\t-\n',
    )
    t.match(
      (await f.fleetctl(['why', 'lost'], { driver })).out,
      /it cannot be read: its object is not readable/,
    )
  }
  t.match(await f.fleetctl(['start', 'bogus'], { driver: 'etcd' }), { status: 0 }, 'and can be put right')
  t.match(await f.fleetctl(['destroy', 'bogus', 'lost']), { status: 0, out: /Destroyed lost\.service/ })
})

t.test('a store that is late, and one that is gone', async t => {
  const f = await LiveFleet.open({ ttlMs: 3_000 })
  t.teardown(() => f.close())
  const { url, node } = await f.add('a')
  const look = async (): Promise<{ retryAfter: string | null; text: string }> => {
    const reply = await fetch(`${url}/fleet/v1/units`)
    return { retryAfter: reply.headers.get('retry-after'), text: `${reply.status} ${await reply.text()}` }
  }
  t.match(await look(), { retryAfter: null, text: /^200 / })
  process.kill(f.etcdPid, 'SIGSTOP')
  await until(() => node.presence.trouble !== undefined)
  t.match(await look(), {
    retryAfter: '1',
    text: /^503 .*etcd: .*(it has not answered yet|exceeded header timeout)"/,
  })
  const late = f.fleetctl(['list-machines', '--no-legend'])
  t.match(
    await f.fleetctl(['list-machines', '--request-timeout=0.5']),
    { status: 1, err: /it has not answered yet|exceeded header timeout/ },
    'not for longer than it is given',
  )
  process.kill(f.etcdPid, 'SIGCONT')
  t.match(await late, { status: 0, out: /^aaaaaaaa\.\.\.\t10\.0\.0\.1\t-\n$/ }, 'it was asked again')
  process.kill(f.etcdPid, 'SIGKILL')
  await until(() => node.presence.trouble !== undefined && !node.presence.isLate)
  t.match(await look(), { retryAfter: null, text: /^503 .*etcd does not answer: .*refused/ })
  const began = performance.now()
  t.match(await f.fleetctl(['list-machines']), { status: 1, err: /etcd does not answer: .*refused/ })
  t.ok(performance.now() - began < 1000, 'at once')
})
