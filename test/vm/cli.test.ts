// The command line as a person uses it: typed on a terminal, answers read from it.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { DETACH_KEY } from '../../build/vm/attach.ts'
import { Terminal } from '../../build/vm/terminal.ts'
import { FILE_TIMEOUT_MS, SLOW_COMMAND_MS } from './lib/guest.ts'
import { ROOT, testImage } from './lib/image.ts'

t.setTimeout(FILE_TIMEOUT_MS)

const home = await mkdtemp(join(tmpdir(), 'orlop-home-'))
const env = { ...process.env, ORLOP_HOME: home, TERM: 'xterm' } as Record<string, string>
/** Commands that only look. */
const SHORT_MS = 60_000

/** Types a command line of `orlop`. */
function orlop(...words: string[]): Terminal {
  return Terminal.spawn({ file: process.execPath, args: [join(ROOT, 'build/cli/main.ts'), ...words], env })
}

/** Runs it to its end and gives what it showed. */
async function shown(status: number, ...words: string[]): Promise<string> {
  const terminal = orlop(...words)
  const code = await terminal.ended
  if (code !== status)
    throw new Error(`orlop ${words.join(' ')} ended with status ${code}:\n${terminal.text}`)
  return terminal.text
}

// Machines of the command line go on without it: whatever becomes of this process, a shell removes this one.
const destroy = [process.execPath, join(ROOT, 'build/cli/main.ts'), 'destroy', 'one', '--force']
const keeper = spawn('/bin/sh', ['-c', 'read -r line; "$@"', 'sh', ...destroy], {
  stdio: ['pipe', 'ignore', 'ignore'],
  detached: true,
  env,
})
t.teardown(async () => {
  keeper.stdin.end()
  await once(keeper, 'exit')
  await rm(home, { recursive: true, force: true })
})

t.test('before there is a machine', async t => {
  t.match(await shown(0, 'status'), 'No machines')
  t.match(await shown(1, 'ssh', 'one'), /there is no machine one; start it with .*up one/)
  t.match(await shown(1, 'destroy', 'one'), 'there is no machine one')
  t.match(await shown(1, 'up', 'one', '--firmware', 'efi'), 'bios, uefi')
  t.match(await shown(1, 'up', 'one', '--image', '/nonexistent.raw'), '/nonexistent.raw: no such image')
  t.match(await shown(1, 'up', '../one'), "cannot be a machine's name")
})

t.test('a machine, from up to destroy', async t => {
  const { images } = await testImage()
  const up = orlop('up', 'one', '--image', images.raw)
  await up.waitFor('boot loader chose slot a', { timeoutMs: FILE_TIMEOUT_MS })
  await t.test('status while it boots', async t => {
    const [status] = JSON.parse(await shown(0, 'status', '--json'))
    t.match(status, { name: 'one', state: 'booting', slot: 'a' })
  })
  await up.waitFor(/Machine one is up: Orlop \S+, slot a/, { timeoutMs: FILE_TIMEOUT_MS })
  t.equal(await up.ended, 0)

  await t.test('up again says so', async t => {
    t.match(await shown(0, 'up', 'one'), 'Machine one runs already')
  })
  await t.test('status', async t => {
    const [status] = JSON.parse(await shown(0, 'status', 'one', '--json'))
    t.match(status, { name: 'one', state: 'up', slot: 'a', sshPort: Number, pid: Number })
    t.match(await shown(0, 'status'), /^NAME +STATE.*\n+one +up +a/)
  })
  await t.test('a command, its output and its status', async t => {
    t.match(await shown(0, 'ssh', 'one', '--', 'echo', 'a  b', '$HOME'), 'a  b $HOME')
    t.match(await shown(0, 'ssh', 'one', '--', 'echo $HOME'), '/home/core')
    await shown(7, 'ssh', 'one', '--', 'exit 7')
  })
  await t.test('a shell', async t => {
    const shell = orlop('ssh', 'one')
    await shell.waitFor('$ ', { timeoutMs: SHORT_MS })
    shell.write('tty; exit 5\r')
    await shell.waitFor('/dev/pts/', { timeoutMs: SHORT_MS })
    t.equal(await shell.ended, 5)
  })
  await t.test('hello world in a container', async t => {
    t.match(
      await shown(0, 'ssh', 'one', '--', 'docker', 'run', 'busybox', '/bin/echo', 'hello world'),
      'hello world',
    )
  })
  await t.test('the console: log in, type, leave', async t => {
    const seat = orlop('console', 'one')
    await seat.waitFor('Ctrl-] leaves', { timeoutMs: SHORT_MS })
    seat.write('\r')
    await seat.waitFor('$ ', { timeoutMs: SHORT_MS })
    seat.write('echo user=$(id -un) on=$(tty)\r')
    await seat.waitFor('user=core on=/dev/ttyS0', { timeoutMs: SHORT_MS })
    const second = orlop('console', 'one')
    await second.waitFor('somebody else sits at the console', { timeoutMs: SHORT_MS })
    t.equal(await second.ended, 1)
    seat.write(DETACH_KEY)
    await seat.waitFor('Left the console of one', { timeoutMs: SHORT_MS })
    t.equal(await seat.ended, 0)
    t.match(await shown(0, 'console', 'one', '--log'), 'ORLOP: boot complete slot=a')
  })
  await t.test('suspend and resume', async t => {
    await shown(0, 'suspend', 'one')
    t.match(await shown(0, 'status', 'one'), 'suspended')
    await shown(0, 'resume', 'one')
    t.match(await shown(0, 'status', 'one'), / up /)
  })
  await t.test('destroy', async t => {
    const destroy = orlop('destroy', 'one')
    await destroy.waitFor('Machine one is gone', { timeoutMs: SLOW_COMMAND_MS })
    t.equal(await destroy.ended, 0)
    t.match(await shown(0, 'status'), 'No machines')
  })
})
