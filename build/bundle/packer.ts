// Packs WORK/orlop.cjs onto WORK/node as WORK/orlop with pkg. Started by binary.ts with TMPDIR=WORK.

import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

interface Order {
  work: string
  seaConfig: Record<string, unknown>
}

const order: Order = JSON.parse(process.argv[2] ?? '')
const require = createRequire(import.meta.url)
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
