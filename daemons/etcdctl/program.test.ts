import t from 'tap'
import { parseFlags } from '#lib/cli/flags.ts'
import type { EtcdNode, KeysResponse } from '#lib/etcd/types.ts'
import { curlCommand } from './connect.ts'
import { renderListing, renderResponse } from './format.ts'
import type { Io } from './io.ts'
import { COMMANDS, runProgram } from './program.ts'
import { GLOBAL_FLAGS, parseEndpoint, readSettings } from './settings.ts'

/** Runs a command line that reaches no server. */
async function run(words: string[], options: Partial<Io> = {}) {
  let out = ''
  let err = ''
  const io: Io = {
    env: { ETCDCTL_ENDPOINTS: 'http://127.0.0.1:1' },
    out: text => {
      out += text
    },
    err: text => {
      err += text
    },
    readInput: async () => '',
    askPassword: async () => 'secret',
    interrupt: () => new AbortController().signal,
    start: async () => undefined,
    readFile: async path => {
      throw new Error(`open ${path}: no such file or directory`)
    },
    discover: async () => ({ secure: [], insecure: [] }),
    backUp: async () => Promise.reject(new Error('there is nothing to copy')),
    ...options,
  }
  const status = await runProgram(words, io)
  return { status, out, err }
}

function node(fields: Partial<EtcdNode>): EtcdNode {
  const base = { key: '/k', dir: false, value: '', nodes: null, createdIndex: 1, modifiedIndex: 2 }
  return { ...base, expiration: undefined, ttl: 0, ...fields }
}

t.test('settings: a flag before the environment, newer names of the endpoints before older ones', t => {
  const read = (words: string[], env: Record<string, string> = {}) =>
    readSettings(parseFlags(GLOBAL_FLAGS, words).flags, env)
  t.same(read([]).endpoints, ['http://127.0.0.1:2379', 'http://127.0.0.1:4001'])
  t.same(read(['-C', 'a,b']).endpoints, ['a', 'b'])
  t.same(read(['-C', 'a', '--endpoint', 'b']).endpoints, ['b'])
  t.same(read(['--endpoint', 'b'], { ETCDCTL_ENDPOINTS: 'c', ETCDCTL_PEERS: 'd' }).endpoints, ['c'])
  t.same(read([], { ETCDCTL_PEERS: 'd' }).endpoints, ['d'])
  const env = { ETCDCTL_CERT_FILE: 'c', ETCDCTL_KEY_FILE: 'k', ETCDCTL_CA_FILE: 'a', ETCDCTL_USERNAME: 'u:p' }
  t.match(read(['--key-file', 'other'], env), {
    certFile: 'c',
    keyFile: 'other',
    caFile: 'a',
    username: 'u:p',
  })
  const srv = { ETCDCTL_DISCOVERY_SRV: 'example.com', ETCDCTL_INSECURE_DISCOVERY: '1' }
  t.match(read([], srv), { discoveryDomain: 'example.com', insecureDiscovery: true })
  t.match(read(['--no-sync', '--debug', '--timeout', '1m']), { sync: false, debug: true, timeoutMs: 60_000 })
  t.end()
})

t.test('endpoints', t => {
  t.equal(parseEndpoint(' https://h:1/ '), 'https://h:1')
  t.equal(parseEndpoint('127.0.0.1:4001'), 'http://127.0.0.1:4001')
  t.equal(parseEndpoint('localhost'), 'http://localhost')
  for (const word of ['', 'ftp://h', 'http://', 'h:port', 'unix://x'])
    t.throws(() => parseEndpoint(word), /is no http/)
  t.end()
})

t.test('formats', t => {
  const response: KeysResponse = {
    action: 'compareAndSwap',
    node: node({ value: '<v>', ttl: 5, expiration: 'T' }),
    prevNode: node({ value: 'old' }),
    index: 7,
  }
  t.same(renderResponse(response, 'simple'), { out: '<v>\n', err: '' })
  t.equal(renderResponse({ ...response, action: 'delete' }, 'simple').out, 'PrevNode.Value: old\n')
  t.equal(
    renderResponse(response, 'extended').out,
    'Key: /k\nCreated-Index: 1\nModified-Index: 2\nPrevNode.Value: old\nTTL: 5\nIndex: 7\n\n<v>\n',
  )
  t.equal(
    renderResponse(response, 'json').out,
    '{"action":"compareAndSwap","node":{"key":"/k","value":"\\u003cv\\u003e","nodes":null,"createdIndex":1,"modifiedIndex":2,"expiration":"T","ttl":5},"prevNode":{"key":"/k","value":"old","nodes":null,"createdIndex":1,"modifiedIndex":2}}\n',
  )
  t.same(renderResponse(response, 'xml'), { out: '', err: 'Unsupported output format: xml\n' })
  const below = [node({ key: '/k/d', dir: true, nodes: [node({ key: '/k/d/f' })] }), node({ key: '/k/g' })]
  const listing = { ...response, node: node({ dir: true, nodes: below }) }
  t.equal(renderListing(listing, true), '/k/d/\n/k/d/f\n/k/g\n')
  t.equal(renderListing(listing, false), '/k/d\n/k/d/f\n/k/g\n')
  t.equal(renderListing(response, true), '/k\n')
  t.end()
})

t.test('a curl command that a shell can run again', t => {
  const request = {
    method: 'PUT',
    path: '/v2/keys/k',
    body: 'value="x"',
    contentType: undefined,
    wait: false,
    oneShot: false,
  } as const
  t.equal(curlCommand('http://h', request), 'curl -X PUT http://h/v2/keys/k -d "value=\\"x\\""')
  t.equal(curlCommand('http://h', { ...request, body: undefined }), 'curl -X PUT http://h/v2/keys/k')
  t.end()
})

t.test('help names every command, and every command has its help', async t => {
  const { status, out, err } = await run([])
  t.match({ status, err }, { status: 0, err: '' })
  for (const { name, commands = [] } of COMMANDS) {
    t.match(out, new RegExp(`^   ${name} `, 'm'))
    t.match((await run([name, '-h'])).out, new RegExp(`^NAME:\n   etcdctl ${name} - `), name)
    for (const item of commands)
      t.match((await run([name, 'help', item.name])).out, new RegExp(`etcdctl ${name} ${item.name} - `))
  }
})

t.test('ends of the program', async t => {
  t.match(await run(['nonsense']), { status: 3, out: '', err: "No help topic for 'nonsense'\n" })
  t.match(await run(['member', 'nonsense']), { status: 3 })
  t.match(await run(['import']), { status: 3 })
  t.match(await run(['backup', '--data-dir', 'd']), {
    status: 1,
    err: /needs --data-dir and --backup-dir\n$/,
  })
  const backup = ['backup', '--data-dir', 'd', '--backup-dir', 'b']
  t.match(await run(backup), { status: 1, err: 'there is nothing to copy\n' })
  const saved = await run(backup, { backUp: async () => ({ index: 7, member: 'a', cluster: 'c' }) })
  t.match(saved, { status: 0, out: '', err: /^saved all up to index 7 as member a of cluster c in b\n$/ })
  t.match(await run(['--nope']), { status: 1, err: 'flag provided but not defined: -nope\n' })
  t.match(await run(['get', 'k']), { status: 2, err: /^Error: {2}client: etcd cluster is unavailable/ })
  t.match(await run(['--no-sync', 'get', 'k']), {
    status: 4,
    err: /error #0: dial tcp 127\.0\.0\.1:1: connect/,
  })
  t.match(await run(['--no-sync', 'set', 'k']), { status: 1, err: 'Error:  value required\n' })
  t.match(await run(['--endpoints', 'http://', 'ls']), { status: 1, err: /is no http or https URL\n$/ })
  t.match(await run(['--cert-file', 'c', 'ls']), {
    status: 1,
    err: 'KeyFile and CertFile must both be present[key: , cert: c]\n',
  })
  t.match(await run(['--ca-file', '/nope', 'ls']), {
    status: 1,
    err: 'open /nope: no such file or directory\n',
  })
  const odd = await run(['--ca-file', '/odd', 'ls'], { readFile: async () => 'nothing' })
  t.match(odd, { status: 1, err: '/odd holds no certificate in PEM form\n' })
  t.match(await run(['--username', 'u', '--no-sync', 'ls']), { status: 4 })
})

t.test('endpoints from DNS: those with TLS when there are any', async t => {
  const debug = ['--debug', '--no-sync', '-D', 'example.com']
  const both = { secure: ['https://127.0.0.1:1'], insecure: ['http://127.0.0.1:1'] }
  const secure = await run([...debug, 'get', 'k'], { discover: async () => both })
  t.match(
    secure.err,
    /ignoring discovered insecure endpoint "http:\/\/127.0.0.1:1"\nCluster-Endpoints: https:\/\/127.0.0.1:1\n/,
  )
  const all = await run(['--insecure-discovery', ...debug, 'get', 'k'], { discover: async () => both })
  t.match(all.err, /^Cluster-Endpoints: https:\/\/127.0.0.1:1, http:\/\/127.0.0.1:1\n/)
  const plain = await run([...debug, 'get', 'k'], { discover: async () => ({ ...both, secure: [] }) })
  t.match(plain.err, /^Cluster-Endpoints: http:\/\/127.0.0.1:1\n/)
  const none = await run([...debug, 'get', 'k'], {
    discover: async () => Promise.reject(new Error('dns lookup errors: x')),
  })
  t.match(none, { status: 1, err: 'dns lookup errors: x\n' })
})
