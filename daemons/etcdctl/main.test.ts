// The program as a process: what only a process has, signals and streams.

import { spawn } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'

const MAIN = join(import.meta.dirname, 'main.ts')
const SOURCE = `const { main } = await import(${JSON.stringify(MAIN)}); process.exitCode = await main(process.argv.slice(1))`
const EVENT = { action: 'set', node: { key: '/w', value: 'v', modifiedIndex: 5, createdIndex: 5 } }

/** A server that gives one event to a watch from 5, echoes what is set, and leaves later watches waiting. */
async function serve(t: Test): Promise<string> {
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', chunk => {
      body += String(chunk)
    })
    request.on('end', () => {
      const value = new URLSearchParams(body).get('value') ?? ''
      if (request.url?.includes('waitIndex=5')) response.end(JSON.stringify(EVENT))
      else if (request.url?.includes('wait=true')) response.flushHeaders()
      else response.end(JSON.stringify({ action: 'set', node: { ...EVENT.node, value } }))
    })
  })
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve)
  })
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function start(t: Test, words: string[]) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', SOURCE, '--', ...words])
  t.teardown(() => child.kill('SIGKILL'))
  let out = ''
  let err = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    err += chunk
  })
  const ended = new Promise<{ status: number | null; signal: string | null; out: string; err: string }>(
    resolve => {
      child.on('close', (status, signal) => resolve({ status, signal, out, err }))
    },
  )
  const printed = new Promise<void>(resolve => {
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      out += chunk
      resolve()
    })
  })
  return { child, ended, printed }
}

t.test('an interrupt ends a watch with success', async t => {
  const { child, ended, printed } = start(t, [
    '--no-sync',
    '--endpoints',
    await serve(t),
    'watch',
    '-f',
    '--after-index',
    '4',
    '/w',
  ])
  await printed
  child.kill('SIGINT')
  t.match(await ended, { status: 0, signal: null, out: 'v\n', err: '' })
})

t.test('a value comes from standard input', async t => {
  const { child, ended } = start(t, ['--no-sync', '--endpoints', await serve(t), 'set', '/k'])
  child.stdin.end('two\nlines')
  t.match(await ended, { status: 0, out: 'two\nlines\n', err: '' })
})

t.test('nobody reads any more', async t => {
  const { child, ended } = start(t, ['--help'])
  child.stdout.destroy()
  t.match(await ended, { status: 0, err: '' })
})
