// `node test/bench/http.ts`: requests a second of our HTTP server and of node:http, in turns, one core each, with wrk.
// A measurement, not a test: run it on a quiet machine. The servers do next to nothing, so what differs is HTTP.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer as createNodeServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { headerBlock } from '#lib/http/header.ts'
import { createServer } from '#lib/http/host/server.ts'

const CONNECTIONS = 64
const ROUND_SECONDS = 1
const ROUNDS = 3
const VALUE_BYTES = 256
const BODY = `{"action":"get","node":{"key":"/foo","value":"${'x'.repeat(VALUE_BYTES)}","modifiedIndex":4,"createdIndex":4}}\n`
const HEADERS: [string, string][] = [
  ['Content-Type', 'application/json'],
  ['X-Etcd-Cluster-Id', 'cdf818194e3a8c32'],
]
const GET = ''
const PUT = `wrk.method = "PUT"
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
wrk.body = "value=${'x'.repeat(VALUE_BYTES)}"
`

const kind = process.argv[2]
if (kind === 'ours') await serveOurs()
else if (kind === 'node') serveNode()
else await compare()

/** Reads the parameters as the keys API would, and answers 400 bytes with three headers that change. */
async function serveOurs(): Promise<void> {
  const block = headerBlock(HEADERS)
  let index = 0
  const server = createServer({
    onRequest(request, response) {
      if (request.method === 'PUT' && request.header('content-type') === undefined) throw new Error('no form')
      if (request.method === 'PUT' && request.bodyLatin1().length !== VALUE_BYTES + 6)
        throw new Error('no body')
      response.end(
        200,
        `${block}X-Etcd-Index: ${++index}\r\nX-Raft-Index: ${index}\r\nX-Raft-Term: 2\r\n`,
        BODY,
      )
    },
  })
  const address = await server.listen({ host: '127.0.0.1', port: 0 })
  if ('port' in address) console.log(address.port)
}

function serveNode(): void {
  let index = 0
  const server = createNodeServer((request, response) => {
    const answer = () => {
      index++
      const headers = { 'X-Etcd-Index': index, 'X-Raft-Index': index, 'X-Raft-Term': 2 }
      const length = Buffer.byteLength(BODY)
      response.writeHead(200, { ...Object.fromEntries(HEADERS), ...headers, 'Content-Length': length })
      response.end(BODY)
    }
    if (request.method !== 'PUT') {
      answer()
      return
    }
    let body = ''
    request.setEncoding('latin1')
    request.on('data', piece => (body += piece))
    request.on('end', () => {
      if (request.headers['content-type'] === undefined || body.length !== VALUE_BYTES + 6)
        throw new Error('no form')
      answer()
    })
  })
  server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    if (address !== null && typeof address !== 'string') console.log(address.port)
  })
}

async function compare(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-http-'))
  const servers = { ours: start('ours'), node: start('node') }
  try {
    const ports = { ours: await portOf(servers.ours), node: await portOf(servers.node) }
    console.log(`${CONNECTIONS} connections, medians of ${ROUNDS} rounds of ${ROUND_SECONDS} s\n`)
    console.log('case           ours req/s   node:http req/s   ratio')
    for (const [name, script] of [
      ['GET', GET],
      ['PUT 256 B', PUT],
    ] as const) {
      const file = join(folder, 'load.lua')
      await writeFile(file, script)
      const rates: { ours: number[]; node: number[] } = { ours: [], node: [] }
      for (let round = 0; round < ROUNDS; round++) {
        rates.ours.push(await load(ports.ours, file))
        rates.node.push(await load(ports.node, file))
      }
      const [ours, node] = [median(rates.ours), median(rates.node)]
      console.log(
        `${name.padEnd(12)} ${ours.toFixed(0).padStart(12)} ${node.toFixed(0).padStart(17)} ${(ours / node).toFixed(2).padStart(7)}`,
      )
    }
  } finally {
    servers.ours.kill()
    servers.node.kill()
    await rm(folder, { recursive: true })
  }
}

function start(which: string): ChildProcess {
  return spawn(process.execPath, [...process.execArgv, import.meta.filename, which], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

async function portOf(server: ChildProcess): Promise<number> {
  const [line] = await once(server.stdout!, 'data')
  return Number(String(line))
}

async function load(port: number, script: string): Promise<number> {
  const words = [
    '-t1',
    `-c${CONNECTIONS}`,
    `-d${ROUND_SECONDS}s`,
    '-s',
    script,
    `http://127.0.0.1:${port}/v2/keys/foo`,
  ]
  const { stdout } = await promisify(execFile)('wrk', words)
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(stdout)
  return Number(/Requests\/sec:\s*([\d.]+)/.exec(stdout)?.[1])
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!
}
