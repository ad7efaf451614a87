import { EventEmitter } from 'node:events'
import type { ReadStream, WriteStream } from 'node:tty'
import t from 'tap'
import { attach, DETACH_KEY } from './attach.ts'
import { Terminal } from './terminal.ts'

const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', PS1: '$ ' }
const shell = (script: string) => Terminal.spawn({ file: '/bin/sh', args: ['-c', script], env })

t.test('a program sees a terminal, is typed to, and answers', async t => {
  const terminal = shell('test -t 0 && echo tty; stty size; read line; echo "got:$line"; exit 3')
  await terminal.waitFor('tty', { timeoutMs: 5000 })
  await terminal.waitFor('24 80', { timeoutMs: 5000 })
  terminal.write('hello\r')
  t.equal(await terminal.waitFor(/got:\w+/, { timeoutMs: 5000 }), 'got:hello')
  t.equal(await terminal.ended, 3)
  await t.rejects(terminal.waitFor('more', { timeoutMs: 5000 }), /ended with status 3/)
})

t.test('waiting has a bound', async t => {
  const terminal = shell('echo shown; read line')
  t.teardown(() => terminal.kill('SIGKILL'))
  await terminal.waitFor('shown', { timeoutMs: 5000 })
  await t.rejects(
    terminal.waitFor('shown', { timeoutMs: 50 }),
    { name: 'TimeoutError' },
    'not the same text twice',
  )
})

t.test('resizing', async t => {
  const terminal = shell('trap "stty size; exit" WINCH; echo ready; while :; do sleep 0.05; done')
  t.teardown(() => terminal.kill('SIGKILL'))
  await terminal.waitFor('ready', { timeoutMs: 5000 })
  terminal.resize(100, 30)
  await terminal.waitFor('30 100', { timeoutMs: 5000 })
})

/** Streams as the process's own would be, recording the terminal mode. */
function fakeScreen() {
  const modes: boolean[] = []
  const shown: string[] = []
  const input = Object.assign(new EventEmitter(), {
    isTTY: true,
    setRawMode: (raw: boolean) => modes.push(raw),
    resume: () => undefined,
    pause: () => undefined,
  })
  const output = Object.assign(new EventEmitter(), {
    columns: 80,
    rows: 24,
    write: (text: string) => shown.push(text),
  })
  return {
    modes,
    shown,
    input: input as unknown as ReadStream,
    output: output as unknown as WriteStream,
  }
}

t.test('a person types, sees and leaves; the mode is restored', async t => {
  const { modes, shown, input, output } = fakeScreen()
  const terminal = shell('while read line; do echo "<$line>"; done')
  const attached = attach(terminal, input, output, { detachKey: DETACH_KEY })
  input.emit('data', Buffer.from('one\r'))
  await terminal.waitFor('<one>', { timeoutMs: 5000 })
  input.emit('data', Buffer.from(`two\r${DETACH_KEY}never\r`))
  t.equal(await attached, undefined)
  t.same(modes, [true, false])
  t.match(shown.join(''), '<one>')
  await terminal.ended
  t.notMatch(terminal.text, 'never')
})

t.test('the end of the program ends the session with its status', async t => {
  const { modes, input, output } = fakeScreen()
  t.equal(await attach(shell('exit 4'), input, output), 4)
  t.same(modes, [true, false])
})
