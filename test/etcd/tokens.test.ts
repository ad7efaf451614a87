// Discovery tokens that are no good: one line that says what to do, and status 1.

import { rm } from 'node:fs/promises'
import t from 'tap'
import { ownFolder, Place } from './lib/program.ts'

t.test('tokens that are bad, foreign, used up or damaged', async t => {
  const folder = await ownFolder(t)
  const store = new Place('store', folder)
  const backing = store.start(t, [])
  await backing.says('published')
  const token = (name: string) => `${store.clientUrl}/v2/keys/${name}`
  const make = async (name: string, size: string, values: readonly string[]) => {
    await store.set(`/${name}/_config/size`, size)
    for (const [at, value] of values.entries())
      await store.set(`/${name}/${at + 1}`, encodeURIComponent(value))
    return token(name)
  }
  const place = new Place('n1', folder)
  const cases: [url: string, line: RegExp][] = [
    [await make('size', 'three', []), /discovery: size key is bad \("three"\); .*must be a number/],
    [await make('huge', '1000', []), /discovery: size key is bad \("1000"\)/],
    [token('none'), /discovery: size key not found \(100: Key not found .*; .* make a new one/],
    [
      `${store.clientUrl}/health`,
      /discovery: bad discovery endpoint .*; give the URL as the discovery service/,
    ],
    [
      await make('urls', '1', ['n7=127.0.0.1:2380']),
      /discovery: invalid URL \(n7=127\.0\.0\.1:2380\): .*; make a new token/,
    ],
    [
      await make('names', '2', ['a=http://127.0.0.1:1', 'a=http://127.0.0.1:2']),
      /discovery: found duplicate name \(a=.*; give each member a --name of its own and make a new token/,
    ],
  ]
  for (const [url, line] of cases) {
    const run = place.start(t, ['--discovery', url])
    t.equal(await run.ended(), 1, url)
    const lines = run.log.trim().split('\n')
    t.match(lines.at(-1), line)
    t.notMatch(run.log, /\n\s+at /, 'no stack')
  }

  const single = ['--discovery', await make('once', '1', [])]
  const first = place.start(t, single)
  await first.says('published')
  await first.kill()
  await rm(place.folder, { recursive: true })
  const emptied = place.start(t, single)
  t.equal(await emptied.ended(), 1)
  t.match(
    emptied.log,
    /discovery: found duplicate id .*; a token is for one founding only: make a new one .*--rejoin/,
  )
})
