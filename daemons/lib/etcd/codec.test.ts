import t from 'tap'
import {
  ApiError,
  ClusterError,
  DeadlineError,
  EndpointError,
  ErrorCode,
  EtcdError,
  hasCode,
  isUnreachable,
  ProtocolError,
} from './errors.ts'
import { describeConnection } from './failure.ts'
import {
  inOrderRequest,
  jsonRequest,
  readRequest,
  removeRequest,
  watchRequest,
  writeRequest,
} from './request.ts'
import {
  decodeApiError,
  decodeKeys,
  decodeMembers,
  decodeRole,
  decodeUser,
  expectStatus,
  isEmptyAnswer,
  type Reply,
} from './response.ts'
import { memberFailure, Rotation } from './rotation.ts'
import { canonicalPath, encodeForm, encodePath } from './url.ts'

function reply(status: number, body: string, index?: string): Reply {
  return { status, body, header: name => (name === 'x-etcd-index' ? index : undefined) }
}

t.test('paths and forms', t => {
  t.equal(canonicalPath('a//b/../c/'), '/a/c/')
  t.equal(canonicalPath(''), '/')
  t.equal(canonicalPath('/../..'), '/')
  t.equal(encodePath("/a b/%?#[]ä(!)*'$&+,:;=@~"), '/a%20b/%25%3F%23%5B%5D%C3%A4%28%21%29%2A%27$&+,:;=@~')
  t.equal(encodePath('\ud800'), '%EF%BF%BD')
  t.equal(encodeForm({ b: 'x y&', a: 1, c: undefined, d: false }), 'a=1&b=x+y%26&d=false')
  t.end()
})

t.test('requests are the ones of the original client', t => {
  t.match(readRequest('foo', {}), {
    method: 'GET',
    path: '/v2/keys/foo?quorum=false&recursive=false&sorted=false',
  })
  t.match(readRequest('/', { recursive: true }), {
    path: '/v2/keys/?quorum=false&recursive=true&sorted=false',
  })
  t.match(watchRequest('/w', 0, true), {
    path: '/v2/keys/w?recursive=true&wait=true&waitIndex=0',
    wait: true,
  })
  t.match(writeRequest('/k', 'a b', { ttlSeconds: 5, prevValue: 'x', prevIndex: 4 }), {
    method: 'PUT',
    path: '/v2/keys/k?prevIndex=4&prevValue=x',
    body: 'ttl=5&value=a+b',
    contentType: 'application/x-www-form-urlencoded',
    oneShot: false,
  })
  t.match(writeRequest('/k', '', { prevExist: true }), {
    path: '/v2/keys/k?prevExist=true',
    body: 'value=',
    oneShot: false,
  })
  t.match(writeRequest('/k', '', { dir: true, prevExist: false, prevValue: 'x' }), {
    path: '/v2/keys/k?dir=true&prevExist=false',
    body: '',
    oneShot: true,
  })
  t.match(writeRequest('/k', '', { refresh: true, ttlSeconds: 9, prevExist: true }), {
    body: 'refresh=true&ttl=9',
  })
  t.match(inOrderRequest('/q', 'x', 0), {
    method: 'POST',
    path: '/v2/keys/q',
    body: 'value=x',
    oneShot: true,
  })
  t.match(removeRequest('/k', { dir: true, recursive: true, prevIndex: 3 }), {
    method: 'DELETE',
    path: '/v2/keys/k?dir=true&prevIndex=3&recursive=true',
    oneShot: true,
  })
  t.match(jsonRequest('PUT', '/v2/auth/users/a b', { user: 'a b' }), {
    path: '/v2/auth/users/a%20b',
    body: '{"user":"a b"}',
    contentType: 'application/json',
  })
  t.end()
})

t.test('answers to operations on keys', t => {
  const body =
    '{"action":"set","node":{"key":"/a","value":"v","ttl":9,"expiration":"T","modifiedIndex":5,"createdIndex":4},"prevNode":{"key":"/a","dir":true,"nodes":[{"key":"/a/b","value":""}]}}\n'
  const response = decodeKeys(reply(201, body, '7'))
  t.match(response, {
    action: 'set',
    index: 7,
    node: { key: '/a', value: 'v', ttl: 9, nodes: null, dir: false },
  })
  t.match(response.prevNode, { dir: true, nodes: [{ key: '/a/b', createdIndex: 0 }] })
  t.match(decodeKeys(reply(200, '{"action":"get","node":{"dir":true}}')), {
    index: 0,
    node: { key: '' },
    prevNode: null,
  })
  t.end()
})

t.test('errors of operations on keys', t => {
  const body = '{"errorCode":100,"message":"Key not found","cause":"/x","index":4}'
  try {
    decodeKeys(reply(404, body))
    t.fail('must throw')
  } catch (error) {
    t.match(error, { code: 100, summary: 'Key not found', about: '/x', index: 4 })
    t.match(error, { message: '100: Key not found (/x) [4]' })
    t.ok(hasCode(error, ErrorCode.keyNotFound))
    t.notOk(hasCode(error, ErrorCode.historyCleared))
  }
  t.throws(
    () => decodeKeys(reply(400, '{"errorCode":209,"message":"Invalid field"}')),
    new EtcdError(209, 'Invalid field', '', 0),
  )
  t.end()
})

t.test('what no etcd answers is refused', t => {
  const bodies = [
    '<html>',
    '[]',
    'null',
    '"x"',
    '{"node":[]}',
    '{"action":1}',
    '{"node":{"nodes":{}}}',
    '{"node":{"ttl":"1"}}',
  ]
  for (const body of bodies) t.throws(() => decodeKeys(reply(200, body)), ProtocolError, body)
  t.throws(() => decodeKeys(reply(404, '404 page not found')), ProtocolError)
  t.throws(() => decodeKeys(reply(200, '{}', 'seven')), /bad X-Etcd-Index/)
  t.throws(() => decodeKeys(reply(200, '')), /body is empty/)
  t.throws(() => decodeMembers(reply(200, '{"members":{}}')), ProtocolError)
  t.throws(() => decodeMembers(reply(404, '')), /unexpected status code 404/)
  t.throws(() => expectStatus(reply(301, ''), 200, 201), /301/)
  t.ok(isEmptyAnswer(reply(200, '')))
  t.notOk(isEmptyAnswer(reply(400, '')))
  t.end()
})

t.test('members, users, roles', t => {
  const member = { id: '1f', name: '', peerURLs: ['http://p'], clientURLs: [] }
  t.same(decodeMembers(reply(200, JSON.stringify({ members: [member] }))), [member])
  t.same(decodeMembers(reply(200, '{"members":null}')), [])
  t.same(decodeUser({ user: 'u', roles: ['r', { role: 's' }] }), { user: 'u', roles: ['r', 's'] })
  t.same(decodeUser({ user: 'u' }).roles, [])
  t.same(decodeRole({ role: 'r', permissions: { kv: { read: ['/a'], write: null } } }), {
    role: 'r',
    read: ['/a'],
    write: null,
  })
  t.same(decodeApiError(reply(409, '{"message":"no"}')), new ApiError(409, 'no'))
  t.end()
})

t.test('endpoints take turns', t => {
  const rotation = new Rotation(['a', 'b', 'c'])
  t.same(rotation.turn(), ['a', 'b', 'c'])
  rotation.served('b')
  t.same(rotation.turn(), ['b', 'c', 'a'])
  rotation.failed('c')
  t.same(rotation.turn(), ['a', 'b', 'c'])
  rotation.served('gone')
  t.same(rotation.turn(), ['a', 'b', 'c'])
  rotation.served('c')
  rotation.replace(['x', 'c', 'y'])
  t.same(rotation.turn(), ['c', 'y', 'x'], 'what is known to work stays first')
  rotation.replace(['y', 'x', 'c'])
  t.same(rotation.endpoints, ['x', 'c', 'y'], 'the same set in another order changes nothing')
  rotation.replace(['z'])
  t.same(rotation.turn(), ['z'])
  t.throws(() => rotation.replace([]), /no endpoints/)
  t.throws(() => new Rotation([]), /no endpoints/)
  const seen = new Set(['a', 'b', 'c'].map((_, n) => new Rotation(['a', 'b', 'c'], () => n / 3).turn()[0]))
  t.ok(seen.size > 1, 'clients spread')
  t.end()
})

t.test('which answers send a client on', t => {
  t.equal(memberFailure('E', 404, ''), undefined)
  t.equal(memberFailure('E', 500, '')?.message, 'client: etcd member E has no leader')
  t.equal(memberFailure('E', 503, '')?.message, 'client: etcd member E has no leader')
  t.equal(
    memberFailure('E', 500, '', '{"errorCode":300,"cause":"etcdserver: no space"}')?.message,
    'client: etcd member E takes no writes: etcdserver: no space',
  )
  t.equal(
    memberFailure('E', 502, 'Bad Gateway')?.message,
    'client: etcd member E returns server error [Bad Gateway]',
  )
  t.end()
})

t.test('errors of connections', t => {
  const refused = describeConnection({ code: 'ECONNREFUSED', address: '127.0.0.1', port: 1 })
  t.equal(refused.message, 'dial tcp 127.0.0.1:1: connect: connection refused')
  const both = describeConnection({ errors: [{ code: 'ECONNREFUSED', address: '::1', port: 1 }, {}] })
  t.equal(both.message, 'dial tcp [::1]:1: connect: connection refused')
  t.equal(
    describeConnection({ code: 'ENOTFOUND', hostname: 'h' }).message,
    'dial tcp: lookup h: no such host',
  )
  t.equal(describeConnection({ code: 'ECONNRESET', message: 'socket hang up' }).message, 'EOF')
  t.notOk(describeConnection({ code: 'ECONNRESET' }).unreachable)
  t.match(describeConnection({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }).message, /unknown authority/)
  t.equal(describeConnection('odd').message, 'odd')
  const broken = new EndpointError('EOF', false)
  t.ok(isUnreachable(new ClusterError([refused, both])))
  t.notOk(isUnreachable(new ClusterError([refused, broken])))
  t.ok(isUnreachable(new DeadlineError()))
  t.equal(
    new ClusterError([broken]).message,
    'client: etcd cluster is unavailable or misconfigured; error #0: EOF\n',
  )
  t.equal(new ClusterError([broken]).detail, 'error #0: EOF\n')
  t.end()
})
