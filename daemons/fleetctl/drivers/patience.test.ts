import t from 'tap'
import type { ApiReply, ApiTransport } from '../io.ts'
import { patientApi } from './patience.ts'

const REFUSED: ApiReply = { status: 503, body: 'late' }
const LATE: ApiReply = { ...REFUSED, retryAfter: '1' }
const DONE: ApiReply = { status: 200, body: 'done' }

/** Asks an API that gives one answer after the other, and the last one for ever; each takes so long. */
async function play(
  replies: readonly ApiReply[],
  { timeoutMs = 30_000, replyMs = 0 } = {},
): Promise<{ reply: ApiReply; asked: number; seconds: number }> {
  let [asked, now, unread] = [0, 0, 0]
  const next = (): ApiReply => {
    now += replyMs
    return replies[Math.min(asked++, replies.length - 1)]!
  }
  const read = async function* (): AsyncGenerator<string> {
    yield 'a line'
    unread--
  }
  const transport: ApiTransport = {
    request: async () => next(),
    stream: async () => {
      const reply = next()
      unread++
      return { ...reply, lines: read() }
    },
    close: () => {},
  }
  const io = {
    now: () => now,
    sleep: async (ms: number) => {
      now += ms
    },
  }
  const patient = patientApi(transport, { io, timeoutMs })
  const reply = await patient.request('PUT', '/fleet/v1/units/u.service', '{}')
  const played = { reply, asked, seconds: now / 1000 }
  asked = 0
  const endMs = now
  const { status } = await patient.stream('/fleet/v1/events')
  t.same(
    [status, asked, (now - endMs) / 1000],
    [reply.status, played.asked, played.seconds],
    'a stream is no other',
  )
  t.equal(unread, 1, 'what is not handed on is read to its end')
  return played
}

t.test('what is late is asked for again', async t => {
  t.same(await play([DONE]), { reply: DONE, asked: 1, seconds: 0 })
  t.same(await play([LATE, LATE, DONE]), { reply: DONE, asked: 3, seconds: 2 })
  t.same(await play([{ ...LATE, retryAfter: '3' }, DONE]), { reply: DONE, asked: 2, seconds: 3 })
  t.same(
    await play([LATE, REFUSED]),
    { reply: REFUSED, asked: 2, seconds: 1 },
    'until it is refused for good',
  )
})

t.test('what is refused for good, or for long, is not', async t => {
  const others = ['', '11', '-1', '1.5', 'Mon, 30 Nov 2026 10:00:00 GMT', '999999'].map(retryAfter => ({
    ...LATE,
    retryAfter,
  }))
  for (const reply of [REFUSED, { ...LATE, status: 500 }, { ...LATE, status: 429 }, ...others])
    t.same(await play([reply, DONE]), { reply, asked: 1, seconds: 0 }, JSON.stringify(reply))
})

t.test('and not for longer than the user gives one request', async t => {
  t.match(await play([LATE]), { reply: LATE, asked: 30, seconds: 29 })
  t.match(await play([LATE], { timeoutMs: 500 }), { reply: LATE, asked: 1, seconds: 0 })
  t.match(await play([LATE], { replyMs: 10_000 }), { reply: LATE, asked: 3, seconds: 32 })
  t.match(
    await play([LATE], { timeoutMs: 0 }),
    { reply: LATE, asked: 60, seconds: 59 },
    'no limit has one too',
  )
  t.match(await play([LATE], { timeoutMs: 3_600_000 }), { asked: 60 })
})
