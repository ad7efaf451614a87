// The same commands by the original's etcdctl and by ours, each against a fresh server of the original: the same
// output, errors and status; then by the original's etcdctl against our server. What the original answers stands in script/*.txt; ORLOP_RECORD=1 writes it anew.
// Another server named by ORLOP_ETCD_SERVER is proved to be like the original by the same run.

import { join } from 'node:path'
import t from 'tap'
import { type Client, ownClient, programClient } from './lib/client.ts'
import { play, readScripts, recordScript, type Script } from './lib/play.ts'
import { findOriginals } from './lib/programs.ts'
import { formatScript, parseScript, type Step, stepsOf } from './lib/script.ts'
import { startServer } from './lib/server.ts'

/** Beside other work on a slow machine; the passwords of users alone take seconds to hash. */
const TIMEOUT_MS = 180_000
t.setTimeout(TIMEOUT_MS)

const { etcdctl, server } = await findOriginals(process.env)
const scripts = await readScripts()

/** Ours, as it is started from the checkout. */
const OURS = [
  '--disable-warning=ExperimentalWarning',
  join(import.meta.dirname, '../../daemons/etcd/main.ts'),
]

async function answersOf(script: Script, client: Client, file: string, words = ['--enable-v2']) {
  const running = await startServer(file, words)
  try {
    return await play(script, client, running)
  } finally {
    await running.stop()
  }
}

t.test('scripts are read and written alike', t => {
  for (const { name, items } of scripts) {
    const text = formatScript(items, new Map())
    t.equal(formatScript(parseScript(text, name), new Map()), text, name)
  }
  t.ok(scripts.flatMap(({ items }) => stepsOf(items)).length > 100, 'more than a hundred commands')
  t.throws(() => parseScript('> x', 'f'), /f:1: no command/)
  t.throws(() => parseScript('$ a\nx', 'f'), /f:2: not a line/)
  t.end()
})

for (const script of scripts) {
  t.test(script.name, async t => {
    const theirs = await answersOf(script, programClient(etcdctl), server)
    if (process.env.ORLOP_RECORD === '1') await recordScript(script, theirs)
    const ours = await answersOf(script, ownClient, server)
    for (const step of stepsOf(script.items)) {
      if (process.env.ORLOP_RECORD !== '1')
        t.same(theirs.get(step), step.expected, `original: ${title(step)}`)
      t.same(ours.get(step), theirs.get(step), `ours: ${title(step)}`)
    }
  })
}

for (const script of scripts) {
  t.test(`${script.name} by the original's client, from our server`, async t => {
    const answers = await answersOf(script, programClient(etcdctl), process.execPath, OURS)
    for (const step of stepsOf(script.items)) t.same(answers.get(step), step.expected, title(step))
  })
}

function title({ line }: Step): string {
  return line.replaceAll('#', '\\#')
}
