import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { FILES } from './arguments.ts'
import { Console } from './console.ts'

async function follow(t: Test, begin = '') {
  const folder = t.testdir({ [FILES.consoleLog]: begin })
  const console = await Console.follow(folder)
  t.teardown(() => console.close())
  return { console, say: (text: string) => appendFileSync(join(folder, FILES.consoleLog), text) }
}

t.test('waits move on through what was said, before or after', async t => {
  const { console, say } = await follow(t, 'first line\nsecond ')
  await console.waitFor('first', { timeoutMs: 5000 })
  const second = console.waitFor(/second (\w+)\n/, { timeoutMs: 5000 })
  say('half\n')
  t.equal((await second)[1], 'half')
  await t.rejects(console.waitFor('first', { timeoutMs: 60 }), { name: 'TimeoutError' }, 'not again')
  t.ok(await console.waitFor('first', { timeoutMs: 60, from: 0 }), 'unless asked for')
  const mark = console.mark()
  say('a+b first\n')
  t.equal(
    (await console.waitFor('a+b', { timeoutMs: 5000, from: mark }))[0],
    'a+b',
    'a string is no expression',
  )
  await t.rejects(console.waitFor(/x/g, { timeoutMs: 60 }), /no g or y/)
})

t.test('a time-out shows the last 30 lines', async t => {
  const { console } = await follow(t, Array.from({ length: 40 }, (_, i) => `line ${i}\n`).join(''))
  await console.waitFor('line 39', { timeoutMs: 5000 })
  const error = await console.waitFor('never', { timeoutMs: 30 }).catch((error: unknown) => error)
  const text = error instanceof Error ? error.message : ''
  t.match(text, /^never: not on the console within/)
  t.match(text, '| line 10\n')
  t.match(text, '| line 39')
  t.notMatch(text, '| line 9\n')
})

t.test('boots are counted', async t => {
  const { console, say } = await follow(t)
  const kinds: string[] = []
  console.onMarker(marker => kinds.push(marker.kind))
  const second = console.waitBoot(2, boot => boot.version !== undefined, { timeoutMs: 5000, what: 'boot 2' })
  say('ORLOP: grub slot=a tries=2\nORLOP: boot complete slot=a version=1\n')
  say('ORLOP: grub slot=b tries=1\nORLOP: boot complete slot=b version=2\n')
  t.match(await second, { slot: 'b', tries: 1, version: '2' })
  t.same(kinds, ['grub', 'complete', 'grub', 'complete'])
})

t.test('the end of the machine ends every wait, after the last words', async t => {
  const { console, say } = await follow(t)
  const last = console.waitFor('last words', { timeoutMs: 5000 })
  const more = console.waitFor('more', { timeoutMs: 5000 })
  more.catch(() => undefined)
  say('last words\n')
  await Promise.all([console.end(new Error('the machine ended')), console.close()])
  t.ok(await last)
  await t.rejects(more, /more: the machine ended\n[\s\S]*last words/)
  await t.rejects(console.waitFor('x', { timeoutMs: 5000 }), /the machine ended/)
})
