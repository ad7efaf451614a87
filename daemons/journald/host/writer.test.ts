import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { encodeMessage, encodeStreamHeader, LINE_BYTES_MAX, MESSAGE_BYTES_MAX } from '../write/stream.ts'
import { JournalWriter } from './writer.ts'

const folder = await mkdtemp(join(tmpdir(), 'journald-'))
t.teardown(() => rm(folder, { recursive: true, force: true }))

/** A journald that keeps every byte of every stream. */
class FakeJournald {
  readonly streams: { socket: Socket; bytes: Buffer }[] = []
  readonly #server: Server
  isReading = true

  constructor() {
    this.#server = createServer(socket => {
      const stream = { socket, bytes: Buffer.alloc(0) }
      this.streams.push(stream)
      socket.on('error', () => {})
      if (!this.isReading) return
      socket.on('data', piece => {
        stream.bytes = Buffer.concat([stream.bytes, piece])
      })
    })
  }

  async listen(path: string): Promise<void> {
    await rm(path, { force: true })
    await new Promise<void>(resolve => this.#server.listen(path, resolve))
  }

  async close(): Promise<void> {
    for (const { socket } of this.streams) socket.destroy()
    await new Promise(resolve => this.#server.close(resolve))
  }
}

async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 10_000
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not so: ${condition}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

const HEADER = 'prog\n\n6\n1\n0\n0\n0\n'

t.test('the protocol', t => {
  t.equal(encodeStreamHeader({ identifier: 'prog' }), HEADER)
  t.equal(
    encodeStreamHeader({ identifier: 'p', unit: 'a.service', priority: 'err', forwardToConsole: true }),
    'p\na.service\n3\n1\n0\n0\n1\n',
  )
  t.throws(() => encodeStreamHeader({ identifier: 'a\nb' }), /identifier .* is no short line/)
  t.throws(() => encodeStreamHeader({ identifier: 'a', unit: 'u'.repeat(256) }), RangeError)
  t.equal(encodeMessage('hello', 'info').toString(), '<6>hello\n')
  t.equal(encodeMessage('<0>one\n\ntwo\0three  \n', 'warning').toString(), '<4><0>one\n<4>two\n<4>three\n')
  t.equal(encodeMessage('', 'info').length, 0)
  const long = encodeMessage('ü'.repeat(LINE_BYTES_MAX), 'debug').toString().split('\n')
  t.same(
    long.map(line => Buffer.byteLength(line)),
    [LINE_BYTES_MAX + 3, LINE_BYTES_MAX + 3, 0],
    'no character is cut through',
  )
  t.notOk(long.join('').includes('\ufffd'))
  const longest = encodeMessage('x'.repeat(MESSAGE_BYTES_MAX * 2), 'debug')
  t.ok(longest.length <= MESSAGE_BYTES_MAX + 100)
  t.end()
})

t.test('messages byte by byte, also over a journald that restarts', async t => {
  const path = join(folder, 'stdout')
  const writer = new JournalWriter({ identifier: 'prog', path })
  writer.write('before there is a journal')
  await new Promise(resolve => setTimeout(resolve, 20))
  const first = new FakeJournald()
  await first.listen(path)
  await until(() => first.streams[0]?.bytes.length === HEADER.length + 29)
  writer.write('two\nlines', 'err')
  await until(() => first.streams[0]!.bytes.includes('lines'))
  t.equal(first.streams[0]!.bytes.toString(), `${HEADER}<6>before there is a journal\n<3>two\n<3>lines\n`)
  await first.close()
  await new Promise(resolve => setTimeout(resolve, 20))
  writer.write('while it is away', 'notice')
  const second = new FakeJournald()
  await second.listen(path)
  await until(() => second.streams[0]?.bytes.includes('away') === true)
  t.equal(second.streams[0]!.bytes.toString(), `${HEADER}<5>while it is away\n`)
  writer.write('the last')
  await writer.close()
  await until(() => second.streams[0]!.bytes.includes('the last'))
  writer.write('after the end')
  t.equal(second.streams.length, 1)
  t.equal(writer.dropped, 0)
  await second.close()
})

t.test('a journald that does not read: memory stays bounded, and it is told what was lost', async t => {
  const path = join(folder, 'slow')
  const server = new FakeJournald()
  server.isReading = false
  await server.listen(path)
  const writer = new JournalWriter({ identifier: 'prog', path })
  for (let n = 0; n < 300; n++) writer.write('x'.repeat(20_000))
  await until(() => server.streams.length === 1)
  for (let n = 0; n < 300; n++) writer.write('x'.repeat(20_000))
  t.ok(writer.dropped > 400, `${writer.dropped} dropped`)
  const stream = server.streams[0]!
  let text = ''
  stream.socket.on('data', piece => {
    text += piece.toString()
  })
  await until(() => / messages were lost/.test(text))
  t.match(text, new RegExp(`<4>${writer.dropped} messages were lost: the journal was away or slow\\n`))
  await writer.close()
  await server.close()
})

t.test('nobody there at the end: closing gives up', async t => {
  const writer = new JournalWriter({ identifier: 'prog', path: join(folder, 'nobody') })
  writer.write('into the void')
  const started = performance.now()
  await writer.close()
  t.ok(performance.now() - started < 8000)
})
