// Small answers and small parts, by their exact bytes.

import t from 'tap'
import { CrossOrigin } from './cors.ts'
import { DateLine, headerBlock, headerLine, httpDate } from './header.ts'
import { LineSplitter } from './lines.ts'
import { Outbox } from './outbox.ts'
import { cleanPath, cleanTarget, percentDecode } from './path.ts'
import { jsonMessage, methodNotAllowed, movedPermanently, notFound } from './reply.ts'
import { statusLine } from './status.ts'
import { Wheel } from './wheel.ts'

t.test('paths are cleaned as by Go', t => {
  const targets: [path: string, query: string, location: string | undefined][] = [
    ['/v2/keys/foo', '', undefined],
    ['/', '', undefined],
    ['*', '', undefined],
    ['/v2/keys/foo/', '', undefined],
    ['/v2/keys/a%20b', '', undefined],
    ['/v2/keys/.hidden', '', undefined],
    ['/v2/keys/a..b/...', '', undefined],
    ['/v2//keys/foo', '', '/v2/keys/foo'],
    ['//', '', '/'],
    ['/v2/./keys/', 'a=b', '/v2/keys/?a=b'],
    ['/v2/keys/../x', '', '/v2/x'],
    ['/..', '', '/'],
    ['/a/.', '', '/a'],
    ['/a%2F%2Fb%20c', 'q=%20', '/a/b%20c?q=%20'],
    ['/a//"<\xff', '', '/a/%22%3C%FF'],
    ['/a//b', 'x=\xff', '/a/b?x=%FF'],
  ]
  for (const [path, query, location] of targets)
    t.same(cleanTarget(path, query), location === undefined ? undefined : { location }, path)
  t.equal(cleanTarget('/a%zz', ''), 'invalid')
  t.equal(cleanTarget('/a%4', ''), 'invalid')
  t.equal(cleanPath('a/b'), '/a/b')
  t.equal(percentDecode('%41%c3%A9+'), 'A\xc3\xa9+')
  t.end()
})

t.test('refusals have the bytes of the original', t => {
  const nosniff = 'Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n'
  t.same(notFound(), { status: 404, headers: nosniff, body: '404 page not found\n' })
  t.same(methodNotAllowed(['GET', 'PUT']), {
    status: 405,
    headers: `Allow: GET,PUT\r\n${nosniff}`,
    body: 'Method Not Allowed\n',
  })
  t.same(jsonMessage(404, 'No such member: <x>').body, '{"message":"No such member: \\u003cx\\u003e"}')
  t.same(movedPermanently('GET', '/a?b&c'), {
    status: 301,
    headers: 'Content-Type: text/html; charset=utf-8\r\nLocation: /a?b&c\r\n',
    body: '<a href="/a?b&amp;c">Moved Permanently</a>.\n\n',
  })
  t.same(movedPermanently('PUT', '/a'), { status: 301, headers: 'Location: /a\r\n', body: '' })
  t.equal(statusLine(412), 'HTTP/1.1 412 Precondition Failed\r\n')
  t.equal(statusLine(299), 'HTTP/1.1 299 status code 299\r\n')
  t.end()
})

t.test('web pages of other places', t => {
  const all = (origin: string) =>
    'Access-Control-Allow-Headers: accept, content-type, authorization\r\n' +
    'Access-Control-Allow-Methods: POST, GET, OPTIONS, PUT, DELETE\r\n' +
    `Access-Control-Allow-Origin: ${origin}\r\n`
  t.equal(new CrossOrigin(['*']).headers('http://a'), all('*'))
  t.equal(new CrossOrigin(['*']).dependsOnOrigin, false)
  t.equal(new CrossOrigin(['http://a']).headers('http://a'), all('http://a'))
  t.equal(new CrossOrigin(['http://a']).headers('http://b'), '')
  t.equal(new CrossOrigin(['http://a']).headers(undefined), '')
  t.equal(new CrossOrigin([]).headers('http://a'), '')
  t.end()
})

t.test('a header cannot break out of its line', t => {
  t.equal(headerBlock([['A', 'b']]), 'A: b\r\n')
  for (const value of ['a\r\nB: c', 'a\n', 'a\0', 'é'])
    t.throws(() => headerLine('A', value), /cannot hold/, value)
  t.throws(() => headerLine('A:', 'b'), /no name/)
  t.throws(() => headerLine('', 'b'), /no name/)
  t.end()
})

t.test('the date is made once a second', t => {
  t.equal(httpDate(Date.UTC(1994, 10, 6, 8, 49, 37)), 'Sun, 06 Nov 1994 08:49:37 GMT')
  const date = new DateLine()
  const first = date.at(1_000_000)
  t.equal(first, 'Date: Thu, 01 Jan 1970 00:16:40 GMT\r\n')
  t.equal(date.at(1_000_999), first)
  t.equal(date.at(1_001_000), 'Date: Thu, 01 Jan 1970 00:16:41 GMT\r\n')
  t.end()
})

t.test('deadlines come no earlier than asked, and once', t => {
  const wheel = new Wheel<string>(3)
  wheel.set('a', 1)
  wheel.set('b', 3)
  wheel.set('c', 1)
  wheel.set('c', 2)
  wheel.set('d', 1)
  wheel.clear('d')
  const due = [
    wheel.advance(),
    wheel.advance(),
    wheel.advance(),
    wheel.advance(),
    wheel.advance(),
    wheel.advance(),
  ]
  t.same(due, [[], ['a'], ['c'], ['b'], [], []])
  t.equal(wheel.size, 0)
  t.end()
})

t.test('lines from any cut', t => {
  const bytes = Buffer.from('{"a":"é"}\n\n{"b":1}\nlast')
  for (let cut = 0; cut <= bytes.length; cut++) {
    const splitter = new LineSplitter(100)
    const lines = [...splitter.push(bytes.subarray(0, cut))!, ...splitter.push(bytes.subarray(cut))!]
    t.same([...lines, splitter.end()], ['{"a":"é"}', '', '{"b":1}', 'last'])
  }
  const splitter = new LineSplitter(4)
  t.same(splitter.push(Buffer.from('1234\n123')), ['1234'])
  t.equal(splitter.push(Buffer.from('45\n')), undefined)
  t.end()
})

t.test('text and bytes leave in their order', t => {
  const written: Buffer[] = []
  const sink = {
    cork: () => {},
    uncork: () => {},
    write: (data: string | Uint8Array, encoding?: 'latin1' | 'utf8') =>
      written.push(typeof data === 'string' ? Buffer.from(data, encoding) : Buffer.from(data)) > 0,
  }
  const other = new Outbox()
  other.text('c', true)
  other.binary(Buffer.from('d'))
  other.text('é', false)
  const outbox = new Outbox()
  outbox.text('a', true)
  outbox.text('ü', false)
  outbox.take(other)
  outbox.text('e', true)
  t.ok(other.isEmpty)
  t.ok(outbox.flush(sink))
  t.ok(outbox.isEmpty)
  t.equal(Buffer.concat(written).toString(), 'aücdée')
  outbox.text('x', true)
  outbox.flush(sink)
  t.equal(written.at(-1)?.toString(), 'x')
  t.end()
})
