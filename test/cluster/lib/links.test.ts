// The network of the tests itself: two ends in this process, so that every byte is known.

import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { Links, type Station } from './links.ts'
import { until } from './until.ts'

const PORT = 2380
const TIMEOUT_MS = 5_000

/** Collects what arrives. */
class End {
  text = ''
  hasEnded = false
  isClosed = false
  readonly socket: Socket

  constructor(socket: Socket) {
    this.socket = socket
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      this.text += chunk
    })
    socket.on('end', () => {
      this.hasEnded = true
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.isClosed = true
    })
  }
}

/** This process is member 0; member 1 is a server of this test. */
async function pair(t: Test) {
  const base = `127.15.${process.pid & 255}`
  const stations: Station[] = [0, 1].map(at => ({
    advertised: `${base}.${129 + at}`,
    address: `${base}.${1 + at}`,
    port: PORT,
    pid: () => (at === 0 ? process.pid : undefined),
  }))
  const links = await Links.open(stations)
  t.teardown(() => links.close())
  const accepted: End[] = []
  const server = createServer({ allowHalfOpen: true }, socket => accepted.push(new End(socket)))
  server.listen(PORT, stations[1]!.address)
  await once(server, 'listening')
  t.teardown(() => closeAll(server, accepted))
  const dial = () => {
    const end = new End(connect({ host: stations[1]!.advertised, port: PORT, allowHalfOpen: true }))
    t.teardown(() => end.socket.destroy())
    return end
  }
  const next = (count = 1) => until('a connection', TIMEOUT_MS, () => accepted[count - 1])
  return { links, dial, next, accepted }
}

function closeAll(server: Server, ends: readonly End[]): Promise<void> {
  for (const { socket } of ends) socket.destroy()
  return new Promise(resolve => server.close(() => resolve()))
}

t.test('what is said arrives, and so do the ends', async t => {
  const { links, dial, next } = await pair(t)
  const caller = dial()
  caller.socket.write('there')
  const target = await next()
  await until('the words', TIMEOUT_MS, () => target.text === 'there')
  caller.socket.end(' and out')
  await until('the end', TIMEOUT_MS, () => target.hasEnded && target.text === 'there and out')
  target.socket.end('x'.repeat(3_000_000))
  await until('the answer', TIMEOUT_MS, () => caller.hasEnded)
  t.equal(caller.text.length, 3_000_000, 'the other direction goes on after one end')
  t.same([links.way(0, 1).bytes, links.way(1, 0).bytes], [13, 3_000_000])
  t.equal(links.strangers, 0)
})

t.test('a block of one direction', async t => {
  const { links, dial, next } = await pair(t)
  const caller = dial()
  caller.socket.write('a')
  const target = await next()
  await until('a', TIMEOUT_MS, () => target.text === 'a')
  links.block(0, 1)
  caller.socket.write('b')
  caller.socket.end()
  target.socket.write('c')
  await until('c', TIMEOUT_MS, () => caller.text === 'c')
  await until('something stopped', TIMEOUT_MS, () => links.way(0, 1).stopped > 0)
  t.equal(target.text, 'a')
  t.notOk(target.hasEnded, 'not even the end is heard')
  links.heal({ reset: false })
  await until('b', TIMEOUT_MS, () => target.text === 'ab' && target.hasEnded)
  t.pass('what was held arrives in order')
})

t.test('a connection that did not survive, and one that could not be made', async t => {
  const { links, dial, next, accepted } = await pair(t)
  const old = dial()
  old.socket.write('a')
  await next()
  links.block(1, 0)
  old.socket.write('b')
  const fresh = dial()
  fresh.socket.write('c')
  await until('both stopped', TIMEOUT_MS, () => links.way(1, 0).stopped > 0)
  t.equal(accepted.length, 1, 'a connection needs both directions')
  links.heal({ reset: true })
  await until('both gone', TIMEOUT_MS, () => old.isClosed && fresh.isClosed)
  dial().socket.write('d')
  const target = await next(2)
  await until('d', TIMEOUT_MS, () => target.text === 'd')
  t.pass('later ones are made')
})

t.test('a delay', async t => {
  const { links, dial, next } = await pair(t)
  links.slow(80)
  const begun = performance.now()
  const caller = dial()
  for (const word of ['1', '2', '3']) caller.socket.write(word)
  const target = await next()
  await until('all', TIMEOUT_MS, () => target.text === '123')
  // Timers may fire a millisecond early.
  t.ok(performance.now() - begun >= 79, 'nothing is early')
})
