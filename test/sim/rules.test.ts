// The simulated world knows no clock, no chance and no turn of the event loop but its own.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const FOLDERS = [import.meta.dirname, join(import.meta.dirname, '../linearizability')]
/** Where a run is started from: outside of the world. */
const OUTSIDE = ['main.ts']
const FORBIDDEN =
  /\b(Date\b|Math\.random|setTimeout|setInterval|setImmediate|queueMicrotask|Promise\b|async\b|await\b|performance\.|process\.(?!paused|ended)|crypto\b)/

function offences(name: string, text: string): string[] {
  const lines = text.split('\n').map(line => line.replace(/\/\/.*|^\s*\*.*|\/\*.*/, ''))
  return lines.flatMap((line, at) => (FORBIDDEN.test(line) ? [`${name}:${at + 1} ${line.trim()}`] : []))
}

t.test('nothing from outside is used within', t => {
  for (const bad of [
    'Date.now()',
    'await x',
    'new Promise(',
    'setTimeout(x)',
    'Math.random()',
    'process.env.X',
  ])
    t.equal(offences('x', bad).length, 1, bad)
  t.same(offences('x', '// a Promise\n * Date\nupdate()'), [])
  let files = 0
  for (const folder of FOLDERS) {
    for (const file of readdirSync(folder, { recursive: true }) as string[]) {
      if (!file.endsWith('.ts') || file.endsWith('.test.ts') || OUTSIDE.includes(file)) continue
      files += 1
      t.same(offences(file, readFileSync(join(folder, file), 'utf8')), [])
    }
  }
  t.ok(files > 25, `${files} files`)
  t.end()
})
