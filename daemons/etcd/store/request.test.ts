import t from 'tap'
import { StoreError } from './errors.ts'
import { decodePath, decodeUtf8, Form, readForm } from './form.ts'
import type { Operation } from './operation.ts'
import { cleanPath, compareBytes, keyPath, strip } from './path.ts'
import { type KeysRequest, type Method, readRequest } from './request.ts'

const NOW_MS = Date.UTC(2026, 10, 23)

function refusalOf(method: Method, query: string, body = ''): [number, string, number] | undefined {
  const request = readRequest(method, '/a', query, body, NOW_MS)
  return request instanceof StoreError ? [request.code, request.cause, request.index] : undefined
}

t.test('each parameter is checked, in the order of the original', t => {
  // Every wrong parameter, in the order in which they are looked at.
  const wrong: [parameter: string, code: number, cause: string][] = [
    ['prevIndex=', 203, 'invalid value for "prevIndex"'],
    ['waitIndex=-1', 203, 'invalid value for "waitIndex"'],
    ['recursive=', 209, 'invalid value for "recursive"'],
    ['sorted=yes', 209, 'invalid value for "sorted"'],
    ['wait=2', 209, 'invalid value for "wait"'],
    ['dir=tRUE', 209, 'invalid value for "dir"'],
    ['quorum=on', 209, 'invalid value for "quorum"'],
    ['stream=x', 209, 'invalid value for "stream"'],
    ['prevValue=', 201, '"prevValue" cannot be empty'],
    ['noValueOnSuccess=x', 209, 'invalid value for "noValueOnSuccess"'],
    ['ttl=-1', 202, 'invalid value for "ttl"'],
    ['prevExist=', 209, 'invalid value for prevExist'],
    ['refresh=x', 209, 'invalid value for refresh'],
  ]
  for (const [place, [parameter, code, cause]] of wrong.entries()) {
    for (const method of ['GET', 'PUT', 'DELETE'] as const)
      t.same(refusalOf(method, parameter), [code, cause, 0], `${method} ${parameter}`)
    const all = wrong.slice(place).map(([text]) => text)
    t.same(refusalOf('GET', all.reverse().join('&')), [code, cause, 0], `${parameter} is first`)
  }
  t.same(refusalOf('PUT', 'wait=true'), [209, '"wait" can only be used with GET requests', 0])
  t.same(refusalOf('HEAD', 'wait=1'), [209, '"wait" can only be used with GET requests', 0])
  t.same(refusalOf('PUT', 'wait=true&prevValue='), [209, '"wait" can only be used with GET requests', 0])
  t.equal(refusalOf('PUT', 'wait=false'), undefined)
  t.same(refusalOf('PUT', 'refresh=true&value=x'), [211, 'A value was provided on a refresh', 0])
  t.same(refusalOf('PUT', 'refresh=true'), [212, 'No TTL value set', 0])
  t.same(refusalOf('PUT', 'refresh=true&ttl='), [212, 'No TTL value set', 0])
  t.equal(refusalOf('PUT', 'refresh=true&ttl=0&value='), undefined)
  t.end()
})

t.test('numbers and truth values are those of Go', t => {
  for (const good of ['1', 't', 'T', 'TRUE', 'true', 'True', '0', 'f', 'F', 'FALSE', 'false', 'False'])
    t.equal(refusalOf('GET', `recursive=${good}`), undefined, good)
  for (const good of ['0', '007', '18446744073709551615', `${'0'.repeat(50)}1`])
    t.equal(refusalOf('GET', `waitIndex=${good}`), undefined, good)
  for (const bad of ['', '1.0', '1e3', '0x1', ' 1', '1 ', '%2B1', '18446744073709551616', '9'.repeat(5000)])
    t.equal(refusalOf('GET', `waitIndex=${bad}`)?.[0], 203, bad.slice(0, 30))
  t.same(refusalOf('GET', 'recursive'), refusalOf('GET', 'recursive='), 'no = is empty')
  t.end()
})

t.test('parameters become what is to be done', t => {
  const cases: [line: string, wanted: KeysRequest | Operation][] = [
    ['GET', { kind: 'read', path: '/1/a', recursive: false, sorted: false, quorum: false }],
    [
      'GET quorum=false&recursive=false&sorted=false',
      { kind: 'read', path: '/1/a', recursive: false, sorted: false, quorum: false },
    ],
    [
      'GET quorum=1&sorted=1&recursive=1',
      { kind: 'read', path: '/1/a', recursive: true, sorted: true, quorum: true },
    ],
    ['HEAD quorum=1', { kind: 'read', path: '/1/a', recursive: false, sorted: false, quorum: false }],
    [
      'GET recursive=true&wait=true&waitIndex=0',
      { kind: 'watch', path: '/1/a', recursive: true, stream: false, waitIndex: 0 },
    ],
    [
      'GET stream=true&wait=true&waitIndex=7',
      { kind: 'watch', path: '/1/a', recursive: false, stream: true, waitIndex: 7 },
    ],
    [
      'GET wait=true&quorum=true',
      { kind: 'read', path: '/1/a', recursive: false, sorted: false, quorum: true },
    ],
    ['PUT', { type: 'set', path: '/1/a', dir: false, value: '', expiresAtMs: 0, refresh: false }],
    [
      'PUT ttl=5 value=x',
      { type: 'set', path: '/1/a', dir: false, value: 'x', expiresAtMs: NOW_MS + 5000, refresh: false },
    ],
    [
      'PUT refresh=1 ttl=5',
      { type: 'set', path: '/1/a', dir: false, value: '', expiresAtMs: NOW_MS + 5000, refresh: true },
    ],
    [
      'PUT value=q value=b',
      { type: 'set', path: '/1/a', dir: false, value: 'b', expiresAtMs: 0, refresh: false },
    ],
    [
      'PUT value=q value=',
      { type: 'set', path: '/1/a', dir: false, value: '', expiresAtMs: 0, refresh: false },
    ],
    [
      'PUT value=q&value=r x=1&&=2',
      { type: 'set', path: '/1/a', dir: false, value: 'q', expiresAtMs: 0, refresh: false },
    ],
    [
      'PUT prevExist=false&prevValue=x&dir=1',
      { type: 'create', path: '/1/a', dir: true, value: '', expiresAtMs: 0, unique: false },
    ],
    ['PUT prevExist=true', { type: 'update', path: '/1/a', value: '', expiresAtMs: 0, refresh: false }],
    [
      'PUT prevExist=true&prevIndex=3',
      {
        type: 'compareAndSwap',
        path: '/1/a',
        value: '',
        expiresAtMs: 0,
        refresh: false,
        prevValue: '',
        prevIndex: 3,
      },
    ],
    [
      'PUT prevValue=3',
      {
        type: 'compareAndSwap',
        path: '/1/a',
        value: '',
        expiresAtMs: 0,
        refresh: false,
        prevValue: '3',
        prevIndex: 0,
      },
    ],
    [
      'PUT prevIndex=18446744073709551615',
      {
        type: 'compareAndSwap',
        path: '/1/a',
        value: '',
        expiresAtMs: 0,
        refresh: false,
        prevValue: '',
        prevIndex: 2 ** 53 - 1,
      },
    ],
    [
      'POST prevExist=true&ttl=0',
      { type: 'create', path: '/1/a', dir: false, value: '', expiresAtMs: NOW_MS, unique: true },
    ],
    ['DELETE prevExist=true&dir=1', { type: 'delete', path: '/1/a', dir: true, recursive: false }],
    ['DELETE prevIndex=4&dir=1', { type: 'compareAndDelete', path: '/1/a', prevValue: '', prevIndex: 4 }],
  ]
  for (const [line, wanted] of cases) {
    const [method = '', query = '', body = ''] = line.split(' ')
    const found = readRequest(method as Method, '/a', query, body, NOW_MS + 0.7)
    t.same('kind' in found && found.kind === 'write' ? found.operation : found, wanted, line)
  }
  const quiet = readRequest('PUT', '/a', 'noValueOnSuccess=1', '', NOW_MS)
  t.match(quiet, { kind: 'write', noValueOnSuccess: true })
  t.match(readRequest('DELETE', '/a', 'noValueOnSuccess=1', '', NOW_MS), { noValueOnSuccess: false })
  t.end()
})

t.test('very long times to live wrap as 64 bits of nanoseconds do', t => {
  const expiryOf = (ttl: string) => {
    const request = readRequest('PUT', '/a', `ttl=${ttl}`, '', NOW_MS)
    if (request instanceof StoreError || request.kind !== 'write') throw new Error('no write')
    return 'expiresAtMs' in request.operation ? request.operation.expiresAtMs : undefined
  }
  t.equal(expiryOf('1000000000'), NOW_MS + 1e12)
  t.equal(expiryOf('1000000001'), NOW_MS + 1e12 + 1000, 'the exact way agrees')
  t.equal(expiryOf('18446744073709551615'), NOW_MS - 1000, 'all bits set is -1')
  t.ok(expiryOf('9000000000')! < 0, 'beyond the year 2262 lies the 17th century')
  t.end()
})

t.test('forms', t => {
  const readValue = (text: string): string | undefined => {
    const form = new Form()
    return readForm(form, text)?.cause ?? form.value
  }
  const cases: [text: string, value: string | undefined][] = [
    ['value=a+b%2Bc%20d', 'a b+c d'],
    ['%76alue=x', 'x'],
    ['value=a=b', 'a=b'],
    ['value=a%3Bb', 'a;b'],
    ['value=%C3%A9', 'é'],
    ['value=\xc3\xa9%e2%82%ac', 'é€'],
    ['value=\xc3%A9', 'é'],
    ['value=%ff%e2%82', '\ufffd\ufffd\ufffd'],
    ['value=%00', '\0'],
    ['Value=x', undefined],
    ['__proto__=x&constructor=y&bytes=z', undefined],
    ['value=%', 'invalid URL escape "%"'],
    ['value=%2', 'invalid URL escape "%2"'],
    ['value=%zz1', 'invalid URL escape "%zz"'],
    ['other=%', 'invalid URL escape "%"'],
    ['%=x', 'invalid URL escape "%"'],
  ]
  for (const [text, value] of cases) t.equal(readValue(text), value, text)
  const long = 'x'.repeat(100)
  for (const [text, value] of [
    ['', ''],
    ['+', ' '],
    ['%41', 'A'],
    ['\xc3\xa9', 'é'],
    ['%4', 'invalid URL escape "%4"'],
  ])
    t.equal(
      readValue(`value=${long}${text}`),
      value?.startsWith('invalid') ? value : long + value,
      `long and ${text}`,
    )
  t.equal(decodePath(`/${long}+`), `/${long}+`)
  t.same(refusalOf('PUT', 'ttl=%', 'value=%1'), [210, 'invalid URL escape "%1"', 0], 'the body comes first')
  t.equal(decodePath('/a+b%2fc%C3%A9'), '/a+b/cé')
  t.equal(decodePath('/a%2'), undefined)
  t.end()
})

t.test('bytes that are no UTF-8 become one replacement each', t => {
  const cases: [hex: string, text: string][] = [
    ['61c3a962', 'aéb'],
    ['efbfbd', '\ufffd'],
    ['c0af', '\ufffd\ufffd'],
    ['eda080', '\ufffd\ufffd\ufffd'],
    ['e28261', '\ufffd\ufffda'],
    ['f09f9880ff', '😀\ufffd'],
    ['f4908080', '\ufffd\ufffd\ufffd\ufffd'],
    ['e080afe0a080', '\ufffd\ufffd\ufffd\u0800'],
    ['f0', '\ufffd'],
  ]
  for (const [hex, text] of cases) t.equal(decodeUtf8(Buffer.from(hex, 'hex')), text, hex)
  t.end()
})

t.test('paths', t => {
  const clean: [string, string][] = [
    ['', '/'],
    ['/', '/'],
    ['//', '/'],
    ['a', '/a'],
    ['/a/', '/a'],
    ['/a//b', '/a/b'],
    ['/a/./b', '/a/b'],
    ['/a/../b', '/b'],
    ['/../../b/..', '/'],
    ['/.hidden', '/.hidden'],
    ['/a/...', '/a/...'],
  ]
  for (const [path, wanted] of clean) t.equal(cleanPath(path), wanted, path)
  t.equal(keyPath('/'), '/1')
  t.equal(keyPath('/../0/x'), '/1/0/x')
  t.same(['/1', '/1/a', '/1a', '/', '[/1', ''].map(strip), ['', '/a', '/1a', '/', '[/1', ''])
  const names = ['a', 'B', 'é', '\ue000', '\uffff', '😀', 'ab', '']
  const byBytes = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  t.same(names.toSorted(compareBytes), byBytes)
  t.end()
})
