// What stands in the log of a stopped member is changed. What was acknowledged and is damaged keeps it from starting,
// with the file and the place; what was never finished is cut off. Of our log; the original's is another.

import { basename } from 'node:path'
import t, { type Test } from 'tap'
import { ask, isAcknowledged, type JsonAnswer } from './lib/ask.ts'
import { Cluster } from './lib/cluster.ts'
import type { Member } from './lib/member.ts'
import { findServer } from './lib/programs.ts'
import { change, framesOf, segmentsOf } from './lib/wal.ts'

const KEYS = 40
const TIMEOUT_MS = 10_000

t.setTimeout(120_000)

const program = await findServer(process.env)
const skip = program.isOurs ? false : 'the log of the original is another'

/** A member that has written something and was killed. */
async function stoppedMember(t: Test): Promise<Member> {
  const cluster = await Cluster.start({ size: 1, program })
  t.teardown(() => cluster.close())
  const member = cluster.members[0]!
  for (let key = 0; key < KEYS; key++) await put(member, key)
  await member.kill()
  return member
}

async function put(member: Member, key: number): Promise<void> {
  const form = { value: `value ${key}` }
  const told = await ask(member.clientUrl, {
    method: 'PUT',
    path: `/v2/keys/k${key}`,
    form,
    timeoutMs: TIMEOUT_MS,
  })
  if (!isAcknowledged(told)) throw new Error(`PUT ${key}: ${told.status} ${told.text}`)
}

async function readValue(member: Member, key: number): Promise<string | undefined> {
  const { text } = await ask(member.clientUrl, { path: `/v2/keys/k${key}`, timeoutMs: TIMEOUT_MS })
  return (JSON.parse(text) as JsonAnswer).node?.value
}

t.test('a flipped bit in the middle of the log', { skip }, async t => {
  const member = await stoppedMember(t)
  const path = (await segmentsOf(member)).at(-1)!
  const frames = await framesOf(path)
  t.ok(frames.length > KEYS / 2, 'there is something to damage')
  const { offset, bytes } = frames[frames.length >> 1]!
  await change(path, offset + (bytes >> 1), 1, byte => byte ^ 1)

  const { code, signal, log } = await member.startAndEnd(TIMEOUT_MS)
  t.same({ code, signal }, { code: 1, signal: null }, 'it refuses to start')
  t.match(log, `${basename(path)} is corrupt at byte ${offset}`, 'it says where')
  t.match(log, /remove it from the cluster/, 'it says what to do')
  t.notMatch(log, /^ +at /m, 'without a stack')

  await change(path, offset + (bytes >> 1), 1, byte => byte ^ 1)
  await member.start()
  await member.ready()
  for (const key of [0, KEYS - 1])
    t.equal(await readValue(member, key), `value ${key}`, 'nothing else was wrong')
})

t.test('a tail that was torn', { skip }, async t => {
  const member = await stoppedMember(t)
  const path = (await segmentsOf(member)).at(-1)!
  const { offset, bytes } = (await framesOf(path)).at(-1)!
  // As if the power had gone while the last frame was written: a beginning, and then zeros.
  await change(path, offset + (bytes >> 1), bytes - (bytes >> 1), () => 0)

  await member.start()
  await member.ready()
  // The last one may have been in what is torn.
  for (let key = 0; key < KEYS - 1; key++)
    if ((await readValue(member, key)) !== `value ${key}`) t.fail(`key ${key} is lost`)
  await put(member, KEYS)
  await member.kill()
  await member.start()
  await member.ready()
  t.equal(await readValue(member, KEYS), `value ${KEYS}`, 'what is written behind the cut is kept')
})
