// The switch in this process: with connections, as those of QEMU are.

import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { connectUnix } from '../../sockets.ts'
import type { SwitchStatus } from '../control.ts'
import { encodeFrame, FRAME_BYTES_MAX } from '../frame.ts'
import { QUEUE_BYTES_MAX } from '../outbox.ts'
import { BROADCAST, frameOf, macOf, textOf } from '../testing/frames.ts'
import { Machine } from '../testing/machine.ts'
import { SwitchClient } from './client.ts'
import { CLIENTS_MAX } from './control.ts'
import { Switch } from './switch.ts'

const PORTS = ['core-01', 'core-02', 'core-03']
const [ONE, TWO, THREE] = [macOf(1), macOf(2), macOf(3)]
const TIMEOUT_MS = 20_000

function newFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'switch-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function open(t: Test, folder: string, ports = PORTS): Promise<Switch> {
  const instance = await Switch.open(folder, {
    version: 1,
    address: '172.17.8.1',
    domain: 'orlop.internal',
    seed: 1,
    ports: ports.map((name, index) => ({ name, address: `172.17.8.${101 + index}` })),
  })
  t.teardown(() => instance.stop())
  return instance
}

/** A switch, a machine on each port, and a client. */
async function build(t: Test, ports = PORTS) {
  const folder = newFolder(t)
  const instance = await open(t, folder, ports)
  const client = await SwitchClient.open(folder, TIMEOUT_MS)
  t.teardown(() => client.close())
  const machines: Machine[] = []
  for (const port of ports) {
    const machine = await Machine.plug(folder, port)
    t.teardown(() => machine.unplug())
    machines.push(machine)
  }
  await connected(client, ports)
  const [one, two, three] = machines as [Machine, Machine, Machine]
  return { folder, instance, client, one, two, three }
}

/** Waits until the switch knows that these machines are there: each look is a turn of its loop. */
async function connected(client: SwitchClient, ports: readonly string[], is = true): Promise<SwitchStatus> {
  for (;;) {
    const status = await client.status()
    if (ports.every(port => status.ports[port]?.connected === is)) return status
  }
}

t.test('three machines speak', async t => {
  const { client, one, two, three } = await build(t)
  one.send(frameOf(BROADCAST, ONE, 'who is there?'))
  t.equal(textOf(await two.next()), 'who is there?')
  t.equal(textOf(await three.next()), 'who is there?')
  two.send(frameOf(ONE, TWO, 'two'))
  three.send(frameOf(ONE, THREE, 'three'))
  t.same((await one.texts(2)).toSorted(), ['three', 'two'])
  one.send(frameOf(TWO, ONE, 'for two alone'))
  one.send(frameOf(THREE, ONE, 'for three alone'))
  t.equal(textOf(await two.next()), 'for two alone')
  t.equal(textOf(await three.next()), 'for three alone')
  const { ports, names, addresses } = await client.status()
  t.match(ports['core-01'], { connections: 1, in: { frames: 3 }, out: { frames: 2, bytes: 14 + 3 + 14 + 5 } })
  t.equal(names['core-03'], '172.17.8.103')
  t.match(addresses[0], { mac: '02:00:00:00:00:01', port: 'core-01' })
})

t.test('the host has an address, and tells names', async t => {
  const { one, client } = await build(t)
  const request =
    'ffffffffffff0200000000010806000108000604000102000000 0001ac110865000000000000ac110801'.replace(' ', '')
  one.send(Buffer.from(request, 'hex'))
  const reply = await one.next()
  t.equal(
    reply.subarray(0, 42).toString('hex'),
    request
      .replace('ffffffffffff020000000001', '020000000001026f726c6f70')
      .replace(
        '0001020000000001ac110865000000000000ac110801',
        '0002026f726c6f70ac110801020000000001ac110865',
      ),
  )
  await client.isolate('core-01')
  one.send(Buffer.from(request, 'hex'))
  await client.heal()
  one.send(frameOf(BROADCAST, ONE, 'marker'))
  t.match((await client.status()).ports, { '@host': { connected: true } })
})

t.test('faults by request, in one direction too', async t => {
  const { client, one, two, three } = await build(t)
  await client.cut('core-01', 'core-02')
  one.send(frameOf(BROADCAST, ONE, 'lost for two'))
  t.equal(textOf(await three.next()), 'lost for two')
  two.send(frameOf(ONE, TWO, 'the other way'))
  t.equal(textOf(await one.next()), 'the other way')
  await client.partition([['core-03'], ['core-01', 'core-02']])
  await client.heal()
  await client.partition([['core-03'], ['core-01', 'core-02']])
  one.send(frameOf(BROADCAST, ONE, 'for two only'))
  t.equal(textOf(await two.next()), 'for two only')
  await client.heal()
  one.send(frameOf(BROADCAST, ONE, 'for all'))
  t.equal(textOf(await two.next()), 'for all')
  t.equal(textOf(await three.next()), 'for all', 'nothing came while it was apart')
  const { ports } = await client.status()
  t.match(ports, { 'core-02': { dropped: { cut: 1 } }, 'core-03': { dropped: { cut: 1 } } })
})

t.test('slow and lossy links', async t => {
  const { client, one, two, three } = await build(t)
  await client.link({ from: 'core-01', to: 'core-02', delayMs: 30, jitterMs: 30 })
  await client.link({ from: 'core-01', to: 'core-03', dropRatio: 0.5 })
  const startMs = performance.now()
  const texts = Array.from({ length: 200 }, (_, index) => String(index))
  for (const text of texts) one.send(frameOf(BROADCAST, ONE, text))
  t.same(await two.texts(200), texts, 'all, in order')
  t.ok(performance.now() - startMs >= 30)
  await client.heal()
  one.send(frameOf(BROADCAST, ONE, 'end'))
  const got: string[] = []
  while (got.at(-1) !== 'end') got.push(...(await three.texts(1)))
  t.ok(got.length > 50 && got.length < 150, `${got.length - 1} of 200 came`)
  t.equal((await client.status()).ports['core-03']?.dropped.lost, 200 - (got.length - 1))
})

t.test('a machine that does not read holds up nobody, and loses the newest', async t => {
  const { client, one, two, three } = await build(t)
  two.send(frameOf(BROADCAST, TWO, 'here'))
  await one.texts(1)
  await three.texts(1)
  two.socket.pause()
  const text = 'x'.repeat(1400)
  const count = 4000
  for (let index = 0; index < count; index++) {
    one.send(frameOf(TWO, ONE, `${index} ${text}`))
    one.send(frameOf(BROADCAST, ONE, `${index}`))
    t.equal(textOf(await three.next()), String(index))
  }
  const { queued, dropped, out } = (await client.status()).ports['core-02']!
  t.ok(queued.bytes <= QUEUE_BYTES_MAX && queued.bytes > QUEUE_BYTES_MAX - 1500, `${queued.bytes} wait`)
  t.ok(dropped.full > 0 && out.frames + dropped.full === 2 * count, `${dropped.full} lost`)
  two.socket.resume()
  const first = await two.texts(100)
  t.same(
    first.filter(text => text.length > 100).map(text => Number.parseInt(text, 10)),
    Array.from({ length: 50 }, (_, index) => index),
    'the oldest are there, in order',
  )
  await two.texts(out.frames - 100)
  one.send(frameOf(TWO, ONE, 'again'))
  t.equal(textOf(await two.next()), 'again')
})

t.test('a machine goes, comes again, and is found', async t => {
  const { folder, client, one, two } = await build(t)
  two.send(frameOf(BROADCAST, TWO, 'here'))
  await one.texts(1)
  two.socket.write(Buffer.from('0000', 'hex'))
  await two.unplug()
  const gone = await connected(client, ['core-02'], false)
  t.equal(gone.ports['core-02']?.lastEnd, 'the machine ended the connection')
  t.same(gone.addresses, [], 'what was behind the port is forgotten')
  one.send(frameOf(TWO, ONE, 'nobody hears it'))
  const again = await Machine.plug(folder, 'core-02')
  t.teardown(() => again.unplug())
  const back = await connected(client, ['core-02'])
  t.equal(back.ports['core-02']?.connections, 2)
  t.equal(back.ports['core-02']?.dropped.down, 1)
  one.send(frameOf(TWO, ONE, 'again'))
  t.equal(textOf(await again.next()), 'again', 'half a frame from before does no harm')
})

t.test('while a machine is there another one is turned away', async t => {
  const { folder, client, one, two } = await build(t)
  const rival = await Machine.plug(folder, 'core-01')
  await once(rival.socket, 'close')
  one.send(frameOf(BROADCAST, ONE, 'still here'))
  t.equal(textOf(await two.next()), 'still here')
  t.equal((await client.status()).ports['core-01']?.connections, 1)
})

t.test('rubbish ends the connection that it came by, and no other', async t => {
  const { client, one, two, three } = await build(t)
  const closed = once(one.socket, 'close')
  one.socket.write(
    Buffer.concat([encodeFrame(frameOf(BROADCAST, ONE, 'last')), Buffer.from('GET / HTTP/1.1')]),
  )
  t.equal(textOf(await two.next()), 'last')
  await closed
  const status = await connected(client, ['core-01'], false)
  t.equal(status.ports['core-01']?.lastEnd, `a frame of ${0x47455420} bytes, more than ${FRAME_BYTES_MAX}`)
  two.send(frameOf(BROADCAST, TWO, 'well'))
  t.same(await three.texts(2), ['last', 'well'])
})

t.test('a new switch takes the place of one that is gone, and machines connect again', async t => {
  const { folder, instance, one } = await build(t)
  const closed = once(one.socket, 'close')
  await instance.stop()
  await closed
  t.equal(existsSync(join(folder, 'core-01.sock')), false, 'sockets go with it')
  // As one leaves them that was killed.
  writeFileSync(join(folder, 'core-01.sock'), '')
  writeFileSync(join(folder, 'control.sock'), '')
  await open(t, folder)
  const again = await Machine.plug(folder, 'core-01')
  const other = await Machine.plug(folder, 'core-02')
  t.teardown(() => Promise.all([again.unplug(), other.unplug()]))
  const client = await SwitchClient.open(folder, TIMEOUT_MS)
  t.teardown(() => client.close())
  await connected(client, ['core-01', 'core-02'])
  again.send(frameOf(BROADCAST, ONE, 'again'))
  t.equal(textOf(await other.next()), 'again')
  await t.rejects(open(t, folder), { name: 'UserError', message: `another switch works in ${folder}` })
})

t.test('sockets are for this user alone, and the folder may be deep', async t => {
  const folder = join(newFolder(t), 'd'.repeat(100), 'e'.repeat(100))
  mkdirSync(folder, { recursive: true })
  await open(t, folder)
  for (const name of ['core-01', 'control'])
    t.equal(statSync(join(folder, `${name}.sock`)).mode & 0o777, 0o600, name)
  const machine = await Machine.plug(folder, 'core-01')
  await machine.unplug()
  await t.rejects(SwitchClient.open(newFolder(t)), { name: 'UserError', message: /^no switch works in/ })
})

t.test('ports come and go', async t => {
  const { folder, client, one } = await build(t)
  await client.add('core-04', '172.17.8.104')
  await client.add('core-04')
  const four = await Machine.plug(folder, 'core-04')
  const status = await connected(client, ['core-04'])
  t.equal(status.names['core-04'], '172.17.8.104')
  one.send(frameOf(BROADCAST, ONE, 'welcome'))
  t.equal(textOf(await four.next()), 'welcome')
  await client.cut('core-04', 'core-01')
  const closed = once(four.socket, 'close')
  await client.remove('core-04')
  await closed
  const { ports, faults, names } = await client.status()
  t.same(Object.keys(ports), ['@host', ...PORTS])
  t.same(faults.cuts, [])
  t.notOk('core-04' in names)
  t.equal(existsSync(join(folder, 'core-04.sock')), false)
  await t.rejects(client.remove('core-04'), { name: 'UserError', message: 'there is no port core-04' })
})

t.test('requests that are refused change nothing', async t => {
  const { folder, client } = await build(t, ['core-01'])
  const before = (await client.status()).faults
  const bad: [Promise<unknown>, string | RegExp][] = [
    [client.cut('core-01', 'core-09'), 'there is no port core-09'],
    [client.partition([['core-01'], ['core-09']]), 'there is no port core-09'],
    [client.isolate('core-09'), 'there is no port core-09'],
    [client.add('control'), /^"control" cannot be a port/],
    [client.add('core-02', 'here'), /is no address/],
  ]
  for (const [promise, message] of bad) await t.rejects(promise, { name: 'UserError', message })
  const status = await client.status()
  t.same(status.faults, before)
  t.same(Object.keys(status.ports), ['@host', 'core-01'])
  mkdirSync(join(folder, 'core-05.sock'))
  await t.rejects(client.add('core-05'), { message: 'cannot listen on core-05.sock: ERR_FS_EISDIR' })
  t.notOk('core-05' in (await client.status()).ports)
})

t.test('control: line by line, in order, and rubbish is answered', async t => {
  const { folder } = await build(t, ['core-01'])
  const socket = await connectUnix(join(folder, 'control.sock'), TIMEOUT_MS)
  let text = ''
  socket.on('data', chunk => {
    text += chunk
  })
  const ended = once(socket, 'close')
  socket.write('{"do":"heal"}\nnonsense\n{"do":"cut","from":"core-01"}\n{"do":')
  socket.write('"heal"}\n')
  socket.write('x'.repeat(70_000))
  await ended
  t.same(
    text
      .trim()
      .split('\n')
      .map(line => JSON.parse(line)),
    [
      { ok: true },
      { error: 'not JSON: "nonsense"' },
      { error: 'to is nothing, must be a text' },
      { ok: true },
      { error: 'a line of more than 65536 bytes' },
    ],
  )
})

t.test('control: clients are bounded', async t => {
  const { folder, client } = await build(t, ['core-01'])
  const others: SwitchClient[] = []
  for (let index = 1; index < CLIENTS_MAX; index++) others.push(await SwitchClient.open(folder, TIMEOUT_MS))
  for (const other of others) await other.heal()
  const socket = await connectUnix(join(folder, 'control.sock'), TIMEOUT_MS)
  const [answer] = await once(socket, 'data')
  t.equal(String(answer), `{"error":"more than ${CLIENTS_MAX} clients"}\n`)
  for (const other of others) other.close()
  socket.destroy()
  await client.heal()
})

t.test('control: requests of several clients are done one after the other', async t => {
  const { folder, client } = await build(t, ['core-01'])
  const other = await SwitchClient.open(folder, TIMEOUT_MS)
  t.teardown(() => other.close())
  const requests: Promise<unknown>[] = []
  for (let round = 0; round < 20; round++) {
    requests.push(client.add('core-02'), other.add('core-02'), client.status(), other.isolate('core-02'))
    requests.push(other.remove('core-02'))
  }
  for (const result of await Promise.allSettled(requests))
    if (result.status === 'rejected') t.match(result.reason, { message: 'there is no port core-02' })
  await client.add('core-02')
  const { ports, faults } = await client.status()
  t.same(Object.keys(ports), ['@host', 'core-01', 'core-02'])
  t.same(faults.isolated, [])
})

t.test('control: a client that takes no answers does not keep the switch from ending', async t => {
  const { folder, instance, client } = await build(t, ['core-01'])
  const socket = await connectUnix(join(folder, 'control.sock'), TIMEOUT_MS)
  socket.on('error', () => undefined)
  while (socket.write('{"do":"status"}\n'.repeat(1000)));
  await client.status()
  await client.stop()
  await instance.ended
  socket.destroy()
})

t.test('stop by request: answered, then all is closed', async t => {
  const { folder, instance, client, one } = await build(t)
  const closed = once(one.socket, 'close')
  await client.stop()
  await instance.ended
  await closed
  t.equal(existsSync(join(folder, 'control.sock')), false)
  await t.rejects(client.heal(), Error)
})
