import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { QmpClient } from './client.ts'

const GREETING = '{"QMP":{"version":{"qemu":{"micro":1,"minor":2,"major":3}},"capabilities":[]}}\r\n'

/** A stand-in for QEMU: greets, accepts the handshake, and leaves other commands to `answer`. */
async function fakeQemu(
  t: Test,
  answer: (command: { execute: string; id: number }, socket: Socket) => void,
  greeting = GREETING,
): Promise<string> {
  // Not t.testdir(): a server's path has to fit into sockaddr_un.
  const folder = mkdtempSync(join(tmpdir(), 'qmp-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'qmp.sock')
  const sockets: Socket[] = []
  const server = createServer(socket => {
    sockets.push(socket)
    socket.on('error', () => undefined)
    socket.write(greeting)
    socket.on('data', chunk => {
      for (const line of chunk.toString().trim().split('\n')) {
        const command = JSON.parse(line)
        if (command.execute === 'qmp_capabilities') socket.write(`{"return":{},"id":${command.id}}\n`)
        else answer(command, socket)
      }
    })
  })
  await new Promise<void>(resolve => server.listen(path, resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return path
}

t.test('commands are answered by number, in any order', async t => {
  const held: string[] = []
  const path = await fakeQemu(t, (command, socket) => {
    held.push(`{"return":"${command.execute}","id":${command.id}}\n`)
    if (held.length === 2) socket.write(held.reverse().join(''))
  })
  const client = await QmpClient.connect(path, 2000)
  t.teardown(() => client.close())
  t.equal(client.version, '3.2.1')
  t.same(await Promise.all([client.execute('one'), client.execute('two')]), ['one', 'two'])
})

t.test('refusals, silence and a lost connection are errors', async t => {
  const path = await fakeQemu(t, (command, socket) => {
    if (command.execute === 'bad')
      socket.write(`{"error":{"class":"CommandNotFound","desc":"no bad here"},"id":${command.id}}\n`)
    if (command.execute === 'die') socket.destroy()
  })
  const client = await QmpClient.connect(path, 2000)
  await t.rejects(client.execute('bad'), { message: 'QMP bad: no bad here', class: 'CommandNotFound' })
  await t.rejects(client.execute('silent', undefined, { timeoutMs: 50 }), { name: 'TimeoutError' })
  const event = client.waitEvent('RESET', { timeoutMs: 5000 })
  event.catch(() => undefined)
  await t.rejects(client.execute('die'), /closed the connection/)
  await t.rejects(event, /closed the connection/)
  await t.rejects(client.execute('after'), /closed the connection/)
})

t.test('events are kept and waited for', async t => {
  const send = (name: string) => `{"timestamp":{"seconds":1,"microseconds":0},"event":"${name}","data":{}}\n`
  const path = await fakeQemu(t, (command, socket) => {
    socket.write(`${send('STOP')}{"return":{},"id":${command.id}}\n${send('RESUME')}`)
  })
  const client = await QmpClient.connect(path, 2000)
  t.teardown(() => client.close())
  const since = client.events.length
  const resume = client.waitEvent('RESUME', { timeoutMs: 2000 })
  await client.execute('stop')
  t.equal((await client.waitEvent('STOP', { timeoutMs: 2000, since })).name, 'STOP')
  t.equal((await resume).name, 'RESUME')
  await t.rejects(client.waitEvent('STOP', { timeoutMs: 30 }), { name: 'TimeoutError' }, 'not an old one')
})

t.test('a server that does not greet, or talks nonsense, is given up', async t => {
  const mute = await fakeQemu(t, () => undefined, '')
  await t.rejects(QmpClient.connect(mute, 50), /another client/)
  const nonsense = await fakeQemu(t, () => undefined, 'SSH-2.0-OpenSSH\r\n')
  await t.rejects(QmpClient.connect(nonsense, 2000), /not JSON/)
})

t.test('a path longer than sockaddr_un works', async t => {
  const folder = 'long-'.repeat(20)
  const root = t.testdir({ [folder]: { [folder]: {} } })
  const short = createServer(socket => socket.end(GREETING))
  process.chdir(join(root, folder, folder))
  await new Promise<void>(resolve => short.listen('qmp.sock', resolve))
  process.chdir('/')
  t.teardown(() => short.close())
  const path = join(root, folder, folder, 'qmp.sock')
  t.ok(path.length > 107)
  await t.rejects(QmpClient.connect(path, 2000), /closed the connection/)
})
