import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { identify, isRunning, parseStartTicks } from './identity.ts'

t.test('the start time is found behind any program name', async t => {
  const rest = 'S 1 10 10 0 -1 4194560 1 0 0 0 5 6 0 0 20 0 1 0 987654 1000 20 18446744073709551615'
  t.equal(parseStartTicks(`10 (node) ${rest}`), 987654)
  t.equal(parseStartTicks(`10 (a) b (c) 1 2) ${rest}`), 987654)
  t.equal(parseStartTicks(`10 (node) ${rest.replace('S', 'Z')}`), undefined)
  t.equal(parseStartTicks(''), undefined)
})

t.test('a process is itself and no other', async t => {
  const child = spawn('sleep', ['60'])
  t.teardown(() => child.kill('SIGKILL'))
  const identity = await identify(child.pid!)
  if (identity === undefined) throw new Error('no identity')
  t.equal(await isRunning(identity), true)
  t.equal(await isRunning({ ...identity, startTicks: identity.startTicks + 1 }), false)
  t.equal(await isRunning({ ...identity, bootId: 'another' }), false)
  child.kill('SIGKILL')
  await once(child, 'exit')
  t.equal(await isRunning(identity), false)
})
