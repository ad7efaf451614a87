// Requests as bytes and the answers of the original's server, byte for byte but for what no two runs share: the recorded
// ones against the original, so that the record is true, and against ours. ORLOP_RECORD=1 writes the record anew.

import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ask, formatPairs, type Item, type Pair, parsePairs } from './lib/pairs.ts'
import { findOriginals } from './lib/programs.ts'
import { startServer } from './lib/server.ts'

t.setTimeout(180_000)

const FOLDER = join(import.meta.dirname, 'pairs')
const PAIRS_MIN = 250
const isRecording = process.env.ORLOP_RECORD === '1'
const { server } = await findOriginals(process.env)
const OURS = [
  '--disable-warning=ExperimentalWarning',
  join(import.meta.dirname, '../../daemons/etcd/main.ts'),
]

const files = (await readdir(FOLDER)).filter(name => name.endsWith('.txt')).toSorted()
let count = 0

async function answersOf(items: readonly Item[], file: string, words: readonly string[]) {
  const running = await startServer(file, words)
  try {
    const answers = new Map<Item, string[]>()
    for (const item of items) if (item.kind === 'pair') answers.set(item, await ask(item, running))
    return answers
  } finally {
    await running.stop()
  }
}

function titleOf({ method, target, body }: Pair): string {
  return `${method} ${target} ${body.slice(0, 60)}`.replaceAll('#', '\\#')
}

async function record(name: string, items: readonly Item[]): Promise<Item[]> {
  const theirs = await answersOf(items, server, ['--enable-v2'])
  const ours = await answersOf(items, process.execPath, OURS)
  const recorded = items.map(item => {
    if (item.kind !== 'pair') return item
    return { ...item, theirs: theirs.get(item)!, ours: item.reason === '' ? [] : ours.get(item)! }
  })
  await writeFile(join(FOLDER, name), formatPairs(recorded))
  return recorded
}

async function check(t: Test, name: string): Promise<void> {
  const text = await readFile(join(FOLDER, name), 'utf8')
  const items = isRecording ? await record(name, parsePairs(text, name)) : parsePairs(text, name)
  if (!isRecording) t.equal(formatPairs(items), text, 'is written as it is read')
  const theirs = isRecording ? undefined : await answersOf(items, server, ['--enable-v2'])
  const ours = await answersOf(items, process.execPath, OURS)
  for (const item of items) {
    if (item.kind !== 'pair') continue
    count += 1
    t.same(theirs?.get(item) ?? item.theirs, item.theirs, `original: ${titleOf(item)}`)
    t.same(ours.get(item), item.reason === '' ? item.theirs : item.ours, `ours: ${titleOf(item)}`)
    if (item.reason !== '') t.not(item.ours.join('\n'), item.theirs.join('\n'), `differs: ${item.reason}`)
  }
}

for (const name of files) t.test(name, t => check(t, name))

t.test('there are enough', t => {
  t.ok(count >= PAIRS_MIN, `${count} requests`)
  t.throws(() => parsePairs('< 200', 'f'), /f:1: no request before/)
  t.throws(() => parsePairs('$ GET /\n? x', 'f'), /f:2: not a line/)
  t.end()
})
