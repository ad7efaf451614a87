// fleetd as a process: its sockets, its signals and its configuration. The machine's own systemd is not touched, for
// the bus that the daemon is told of does not exist.

import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { EtcdClient } from '#lib/etcd/client.ts'
import { type ClientResponse, request } from '#lib/http/host/client.ts'
import { startServer } from '../compat/lib/server.ts'
import { until } from './lib/live.ts'

const FLEETD = join(import.meta.dirname, '../../daemons/fleet/main.ts')
const ETCD = join(import.meta.dirname, '../../daemons/etcd/main.ts')
const NODE = [process.execPath, '--disable-warning=ExperimentalWarning']
/**
 * In place of systemd: listens on what it is told, passes that to the daemon as descriptors from 3 on, and then does
 * nothing, so that it takes no connection itself.
 */
const PASS_SOCKETS = `
const { createServer } = require('node:net')
const { spawn } = require('node:child_process')
const { addresses, command } = JSON.parse(process.argv[1])
const servers = addresses.map(address => createServer().listen(address))
let open = 0
for (const server of servers) server.on('listening', () => {
  if (++open < servers.length) return
  const ports = servers.map(one => one.address().port ?? 0).join(' ')
  const exec = 'LISTEN_PID=$$ LISTEN_FDS=' + servers.length + ' exec "$@"'
  const shell = 'echo "PORTS ' + ports + '"; sh -c \\'echo PID $$; ' + exec + '\\' sh "$@"; echo STATUS $?'
  spawn('sh', ['-c', shell, 'sh', ...command], {
    stdio: ['ignore', 'inherit', 'inherit', ...servers.map(one => one._handle.fd)],
  })
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
})
`

interface Daemon {
  pid: number
  ports: number[]
  out: () => string
  err: () => string
  status: () => number | undefined
}

const etcd = await startServer(NODE[0]!, [NODE[1]!, ETCD])
const folder = await mkdtemp(join(tmpdir(), 'orlop-fleetd-'))
const config = join(folder, 'fleet.conf')
t.teardown(async () => {
  await etcd.stop()
  await rm(folder, { recursive: true, force: true })
})

async function configure(...lines: string[]): Promise<void> {
  const common = [
    `etcd_servers=["${etcd.client}"]`,
    `units_directory=${join(folder, 'units')}`,
    'public_ip=10.0.0.1',
    'agent_ttl=3s',
  ]
  await writeFile(config, [...common, ...lines, ''].join('\n'))
}

/** Starts the daemon with sockets, and waits until the API answers. */
async function start(addresses: (string | { host: string; port: number })[]): Promise<Daemon> {
  const command = [...NODE, FLEETD, '--config', config]
  const env = { ...process.env, DBUS_SYSTEM_BUS_ADDRESS: `unix:path=${folder}/no-bus` }
  const child = spawn(process.execPath, ['-e', PASS_SOCKETS, JSON.stringify({ addresses, command })], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [out, err] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text
  })
  const numberAfter = (word: string): number | undefined => {
    const found = new RegExp(`^${word} (\\d+)$`, 'm').exec(out)?.[1]
    return found === undefined ? undefined : Number(found)
  }
  t.teardown(() => {
    const pid = numberAfter('PID')
    if (pid !== undefined && numberAfter('STATUS') === undefined) process.kill(pid, 'SIGKILL')
    child.kill('SIGKILL')
  })
  await until(() => numberAfter('PID') !== undefined)
  return {
    pid: numberAfter('PID')!,
    ports: /^PORTS (.*)$/m.exec(out)![1]!.split(' ').map(Number),
    out: () => out,
    err: () => err,
    status: () => numberAfter('STATUS'),
  }
}

async function run(...words: string[]): Promise<{ status: number | null; out: string; err: string }> {
  const child = spawn(NODE[0]!, [NODE[1]!, FLEETD, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
  let [out, err] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text
  })
  const status = await new Promise<number | null>(resolve => child.once('close', resolve))
  return { status, out, err }
}

t.test('words', async t => {
  const bad = join(folder, 'bad.conf')
  await writeFile(bad, 'etcd_servers=x\n')
  const lines = [['--version'], ['version'], ['--foo'], ['--config', '/none'], ['--config', bad]]
  const [flag, word, foo, none, wrong] = await Promise.all(lines.map(words => run(...words)))
  t.same(flag, { status: 0, out: 'fleetd version v1.0.0-orlop\n', err: '' })
  t.same(word, flag)
  t.match(foo, {
    status: 1,
    out: '',
    err: /^fleetd: unknown option or word "--foo"\n\nfleetd: .*\n\nusage:/,
  })
  t.same(none, { status: 1, out: '', err: 'fleetd: /none: no such file\n' })
  t.match(wrong, { status: 1, err: /^fleetd: \S+bad\.conf: line 1: etcd_servers "x" is no URL/ })
})

t.test('sockets and signals', async t => {
  await configure('metadata="zone=x"')
  const [one, two] = [join(folder, 'one.sock'), join(folder, 'two.sock')]
  const daemon = await start([one, two, { host: '127.0.0.1', port: 0 }])
  const ask = (path: string, place: { socketPath?: string; url?: string }): Promise<ClientResponse> =>
    request({
      url: `${place.url ?? 'http://fleet'}${path}`,
      ...(place.socketPath === undefined ? {} : { socketPath: place.socketPath }),
    })
  const places = [{ socketPath: one }, { socketPath: two }, { url: `http://127.0.0.1:${daemon.ports[2]}` }]
  await until(async () => (await ask('/fleet/v1/machines', places[0]!)).status === 200, 30_000)
  for (const place of places) {
    const { status, body } = await ask('/fleet/v1/machines', place)
    t.equal(status, 200)
    t.match(body.toString(), '"metadata":{"zone":"x"}')
  }
  await until(async () =>
    (await ask('/metrics', places[0]!)).body.toString().includes('fleet_engine_leader_start_time 1'),
  )

  process.kill(daemon.pid, 'SIGUSR1')
  await until(() => daemon.out().includes('{"Agent"'))
  t.same(
    JSON.parse(
      daemon
        .out()
        .split('\n')
        .find(line => line.startsWith('{'))!,
    ),
    {
      Agent: { Cache: { TargetStates: {} } },
      UnitStatePublisher: { Cache: {}, ToPublish: {} },
      UnitStateGenerator: { Subscribed: [] },
    },
  )

  await configure('metadata="zone=y"', 'token_limit=7')
  process.kill(daemon.pid, 'SIGHUP')
  await until(async () =>
    (await ask('/fleet/v1/machines', places[1]!)).body.toString().includes('"zone":"y"'),
  )
  t.match(daemon.err(), `INFO fleetd: Reloading configuration from ${config}`)
  t.match(
    (await ask('/fleet/v1/units?nextPageToken=ZAACAA==', places[2]!)).body.toString(),
    'token limit must be 7',
    'on the same sockets',
  )

  await configure('token_limit=none')
  process.kill(daemon.pid, 'SIGHUP')
  await until(() => daemon.err().includes('the configuration stays as it was'))
  t.match(daemon.err(), /line 5: token_limit must be a number from 1 to 65535/)
  t.equal((await ask('/fleet/v1/machines', places[0]!)).status, 200)

  const client = new EtcdClient({ endpoints: [etcd.client] })
  t.teardown(() => client.close())
  const present = async (): Promise<number> =>
    (await client.keys.get('/_coreos.com/fleet/machines', { recursive: true })).node.nodes!.filter(
      ({ nodes }) => nodes?.length,
    ).length
  t.equal(await present(), 1)
  process.kill(daemon.pid, 'SIGTERM')
  await until(() => daemon.status() !== undefined)
  t.equal(daemon.status(), 0)
  t.equal(await present(), 0, 'it has left in order')
})

t.test('without a store, and without a socket', async t => {
  await writeFile(config, 'etcd_servers=http://127.0.0.1:1\n')
  const socketPath = join(folder, 'three.sock')
  const daemon = await start([socketPath])
  const { status, body } = await request({ url: 'http://fleet/fleet/v1/units', socketPath })
  t.equal(status, 503)
  t.match(body.toString(), /^\{"error":\{"code":503,"message":"fleet server unable to communicate with etcd/)
  process.kill(daemon.pid, 'SIGINT')
  await until(() => daemon.status() !== undefined, 20_000)
  t.equal(daemon.status(), 0)
  const alone = spawn(NODE[0]!, [NODE[1]!, FLEETD, '--config', config], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  t.teardown(() => void alone.kill('SIGKILL'))
  let err = ''
  alone.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text
  })
  await until(() => err.includes('no socket was passed: the API cannot be reached; is fleet.socket started?'))
  t.equal(alone.exitCode, null, 'and it runs')
})
