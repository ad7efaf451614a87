import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { identify } from './identity.ts'
import { withFolderLock } from './lock.ts'

t.test('one at a time', async t => {
  const folder = t.testdir({})
  const result = await withFolderLock(folder, async () => {
    await t.rejects(
      withFolderLock(folder, async () => t.fail('entered')),
      { name: 'UserError' },
    )
    return 3
  })
  t.equal(result, 3)
  await t.rejects(
    withFolderLock(folder, async () => {
      throw new Error('inside')
    }),
    /inside/,
  )
  t.notOk(existsSync(join(folder, 'lock')))
})

t.test('a lock left behind does not count', async t => {
  const mine = await identify(process.pid)
  for (const left of ['', 'half a {', JSON.stringify({ ...mine, startTicks: 1 })]) {
    const folder = t.testdir({})
    writeFileSync(join(folder, 'lock'), left)
    t.equal(await withFolderLock(folder, async () => 'in'), 'in', left)
  }
})
