// Packs WORK/orlop.cjs onto WORK/node as WORK/orlop with pkg. Started by binary.ts with TMPDIR=WORK.

import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

interface Order {
  work: string
  seaConfig: Record<string, unknown>
}

/**
 * V8 orders what it writes into a code cache by hashes, whose seed it draws at random: with a seed that is given, the
 * same program gives the same cache. V8 leaves this flag out of the check whether a cache fits the flags it is read
 * with, so the binary, which runs with random hashes, accepts it.
 */
const GENERATOR_FLAG = '--random-seed=1'

const order: Order = JSON.parse(process.argv[2] ?? '')
const require = createRequire(import.meta.url)
seedGenerator()
// The command line of pkg can pass neither the base binary nor execArgvExtension; its module for this can. It is not
// among the package's exports, hence the path.
const manifest = require.resolve('@yao-pkg/pkg/package.json')
const { default: sea } = require(join(dirname(manifest), 'lib-es5/sea.js'))

await sea(join(order.work, 'orlop.cjs'), {
  targets: [{ nodeRange: 'node24', platform: 'linux', arch: 'x64', output: join(order.work, 'orlop') }],
  nodePath: join(order.work, 'node'),
  // pkg works in a new folder under TMPDIR. The path of the main file ends up in the binary, so it must be the same
  // everywhere: relative to that folder it is.
  seaConfig: { ...order.seaConfig, main: '../orlop.cjs' },
})

/** pkg starts Node to compile the program and has no way to pass a flag; so it is added where pkg starts it. */
function seedGenerator(): void {
  const childProcess: { execFile: unknown } = require('node:child_process')
  const execute = promisify(execFile)
  const seeded = (file: string, args: readonly string[]) => execute(file, [GENERATOR_FLAG, ...args])
  childProcess.execFile = Object.assign(() => undefined, { [promisify.custom]: seeded })
}
