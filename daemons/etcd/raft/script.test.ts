// Scripts with what they print, in testdata/. After a wanted change of behaviour run this with UPDATE_TESTDATA=1 and
// read the difference: every line of it is a claim.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { runScript } from './script/script.ts'

const FOLDER = join(import.meta.dirname, 'testdata')

for (const name of readdirSync(FOLDER).toSorted()) {
  t.test(name, t => {
    const path = join(FOLDER, name)
    const source = readFileSync(path, 'utf8')
    const result = runScript(source)
    if (process.env['UPDATE_TESTDATA'] === '1') writeFileSync(path, result)
    t.equal(result, process.env['UPDATE_TESTDATA'] === '1' ? result : source)
    t.end()
  })
}

t.test('a script that says something else fails', t => {
  const source = 'nodes 1\ncampaign 1\n  1 follows 2 in term 1\n'
  t.not(runScript(source), source)
  t.throws(() => runScript('fly 1'), /no command fly/)
  t.throws(() => runScript('campaign 9'), /no node 9/)
  t.end()
})
