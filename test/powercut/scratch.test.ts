import t from 'tap'
import { Scratch } from './scratch.ts'

t.test('scratch files are used by one piece of work at a time', async t => {
  const scratch = new Scratch('/nonexistent', 2)
  const busy = new Set<string>()
  let most = 0
  for (let round = 0; round < 10; round++) {
    const path = await scratch.take()
    t.notOk(busy.has(path))
    busy.add(path)
    most = Math.max(most, busy.size)
    scratch.use(path, async () => {
      await new Promise(resolve => setImmediate(resolve))
      busy.delete(path)
    })
  }
  await scratch.idle()
  t.same([busy.size, most], [0, 2])
  scratch.use(await scratch.take(), () => Promise.reject(new Error('broken')))
  await t.rejects(scratch.idle(), { message: 'broken' })
  await t.rejects(scratch.take(), { message: 'broken' })
})
