import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describeFailure, UserError } from '#lib/errors.ts'
import { silent } from '#lib/progress.ts'
import { type CliContext, type Command, commandHelp, parseCommandLine, UsageError } from './command.ts'
import { COMMANDS } from './commands.ts'
import { terminalProgress } from './terminal.ts'

const EXIT_FAILED = 1
const EXIT_USAGE = 2
const EXIT_INTERRUPTED = 130

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..')

/** Runs one `orlop` command line and gives its exit status. */
async function main(words: string[]): Promise<number> {
  const [name, ...rest] = words
  if (name === undefined || name === '--help' || name === '-h') return answer(overview())
  if (name === '--version') return answer(version())
  if (name === 'help') {
    const topic = rest[0]
    return answer(topic === undefined ? overview() : commandHelp(findCommand(topic)))
  }
  const command = findCommand(name)
  if (
    rest
      .slice(0, rest.indexOf('--') < 0 ? undefined : rest.indexOf('--'))
      .some(word => word === '--help' || word === '-h')
  ) {
    return answer(commandHelp(command))
  }
  const parsed = parseCommandLine(command, rest)
  return await command.run(parsed, makeContext(parsed.set('quiet')))
}

function makeContext(quiet: boolean): CliContext {
  return {
    root,
    out: process.env['ORLOP_OUT'] || join(root, 'out'),
    print: line => process.stdout.write(`${line}\n`),
    progress: quiet ? silent : terminalProgress(process.stderr, () => performance.now()),
    signal: abortOnSignals(),
    interactive: process.stdin.isTTY === true && process.stdout.isTTY === true,
  }
}

/** The first signal asks everything to stop and clean up; a second one does not wait for that. */
function abortOnSignals(): AbortSignal {
  const controller = new AbortController()
  let asked = 0
  const onSignal = () => {
    asked += 1
    if (asked > 1) process.exit(EXIT_INTERRUPTED)
    controller.abort(new UserError('interrupted', 'run the same command again: finished parts are kept'))
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal)
  return controller.signal
}

function findCommand(name: string): Command {
  const found = COMMANDS.find(command => command.name === name)
  if (found) return found
  throw new UsageError(
    `orlop has no command '${name}'`,
    `it has ${COMMANDS.map(command => command.name).join(', ')}`,
  )
}

function overview(): string {
  return [
    'orlop: builds and runs images of Orlop, a minimal operating system for containers',
    '',
    'usage: orlop COMMAND [OPTION]... (from a checkout: npm run orlop -- COMMAND …)',
    '',
    'commands:',
    ...COMMANDS.map(command => `  ${command.name.padEnd(10)} ${command.summary}`),
    '',
    'orlop COMMAND --help explains a command and shows examples.',
    'Results go to stdout, progress and errors to stderr. Exit status: 0 done, 1 failed, 2 wrong usage.',
    '',
    'environment:',
    '  ORLOP_CACHE   downloads and intermediate results (default ~/.cache/orlop)',
    '  ORLOP_OUT     finished images (default out/ in the checkout)',
    '  ORLOP_HOME    virtual machines of this user (default ~/.local/state/orlop)',
    '  ORLOP_DEBIAN_MIRROR, ORLOP_DEBIAN_SECURITY_MIRROR',
    "                Debian archives to use instead of those in apt's sources",
  ].join('\n')
}

function version(): string {
  const manifest: { version: string } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  return `orlop ${manifest.version}`
}

function answer(text: string): number {
  process.stdout.write(`${text}\n`)
  return 0
}

process.stdout.on('error', error => {
  // A reader such as `head` that has seen enough is no failure.
  if ('code' in error && error.code === 'EPIPE') process.exit(0)
  throw error
})

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  const line = describeFailure(error)
  if (line === undefined) console.error(error)
  else process.stderr.write(`${process.stderr.isTTY ? '\r\x1b[K' : ''}orlop: ${line}\n`)
  process.exitCode = error instanceof UsageError ? EXIT_USAGE : EXIT_FAILED
}
// Sockets and timers of abandoned work must not keep a finished command alive.
process.exit(process.exitCode)
