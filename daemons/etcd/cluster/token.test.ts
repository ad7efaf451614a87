// Discovery tokens and server records of DNS, without either.

import t from 'tap'
import { clusterOfRecords, srvNames } from './srv.ts'
import {
  clusterOfToken,
  judgeToken,
  parseTokenUrl,
  type Registration,
  readSize,
  registrationOf,
} from './token.ts'

function registration(
  id: string,
  createdIndex: number,
  value = `${id}=http://10.0.0.${createdIndex}:2380`,
): Registration {
  return { id, value, createdIndex }
}

t.test('sizes', t => {
  for (const [text, size] of [
    ['1', 1],
    ['100', 100],
    ['+3', 3],
    ['007', 7],
  ] as const)
    t.equal(readSize(text), size)
  for (const text of ['', '0', '-1', '101', '3.0', '3x', ' 3', '99999999999'])
    t.throws(() => readSize(text), {
      name: 'UserError',
      message: `discovery: size key is bad (${JSON.stringify(text)})`,
    })
  t.end()
})

t.test('who counts', t => {
  const [a, b, c] = [registration('a', 5), registration('b', 7), registration('c', 9)]
  t.same(judgeToken([], 2, 'a'), { kind: 'open', isRegistered: false, found: [] })
  t.same(judgeToken([a], 2, 'a'), { kind: 'open', isRegistered: true, found: [a] })
  t.same(judgeToken([b, a], 2, 'a'), { kind: 'complete', found: [a, b] }, 'in the order in which they came')
  t.same(judgeToken([c, b, a], 2, 'c'), { kind: 'full', found: [a, b] }, 'the first ones do')
  t.same(judgeToken([c, b, a], 2, 'x').kind, 'full')
  t.same(judgeToken([c, b, a], 3, 'c').kind, 'complete')
  t.end()
})

t.test('founders', t => {
  const found = [registration('a', 1), registration('b', 2, 'b=http://10.0.0.2:1,b=http://10.0.0.2:2')]
  t.same(
    [...clusterOfToken(found)],
    [
      ['a', ['http://10.0.0.1:2380']],
      ['b', ['http://10.0.0.2:1', 'http://10.0.0.2:2']],
    ],
  )
  t.equal(registrationOf('b', ['http://10.0.0.2:1', 'http://10.0.0.2:2']), found[1]!.value)
  t.throws(() => clusterOfToken([registration('a', 1), registration('b', 2, 'a=http://10.0.0.2:2380')]), {
    message: /^discovery: found duplicate name \(a=.*,a=.*\)$/,
    hint: /--name of its own/,
  })
  for (const value of ['', 'x', 'a=ftp://10.0.0.1:1', 'a=http://10.0.0.1', '=http://10.0.0.1:1'])
    t.throws(
      () => clusterOfToken([registration('a', 1, value)]),
      { name: 'UserError', message: /^discovery: (invalid URL|found duplicate name) \(/ },
      value,
    )
  t.end()
})

t.test('URLs of tokens', t => {
  t.same(parseTokenUrl('https://discovery.example/abc/'), {
    origin: 'https://discovery.example',
    path: '/abc',
  })
  t.same(parseTokenUrl('http://10.0.0.1:2379/v2/keys/x/y'), {
    origin: 'http://10.0.0.1:2379',
    path: '/v2/keys/x/y',
  })
  for (const url of ['', 'abc', 'http://host', 'http://host/', 'ftp://host/t', 'http://host/new?size=3'])
    t.throws(
      () => parseTokenUrl(url),
      { message: `--discovery: ${url} is no URL of a token`, hint: /new\?size=3/ },
      url,
    )
  t.end()
})

t.test('records', t => {
  t.same(srvNames('d.example', ''), {
    secure: '_etcd-server-ssl._tcp.d.example',
    plain: '_etcd-server._tcp.d.example',
  })
  t.same(srvNames('d', 'blue'), { secure: '_etcd-server-ssl-blue._tcp.d', plain: '_etcd-server-blue._tcp.d' })
  const [one, two] = [
    { name: 'one.d.', port: 2380 },
    { name: 'two.d', port: 2381 },
  ]
  const own = { name: 'n1', peerUrls: ['http://10.0.0.2:2381'] }
  const isTwo = (record: { name: string }) => record.name === 'two.d'
  t.same(
    [...clusterOfRecords({ secure: [], plain: [one, two] }, own, isTwo)],
    [
      ['0', ['http://one.d:2380']],
      ['n1', ['http://two.d:2381']],
    ],
  )
  t.same([...clusterOfRecords({ secure: [two], plain: [one, two] }, own, isTwo).values()].flat().length, 3)
  t.same(
    clusterOfRecords({ secure: [two], plain: [two] }, own, isTwo).get('n1'),
    ['http://two.d:2381'],
    'only as it speaks itself',
  )
  t.throws(() => clusterOfRecords({ secure: [], plain: [one] }, own, isTwo), {
    message: /^couldn't find local name "n1" .*: no record is that of http:\/\/10\.0\.0\.2:2381$/,
  })
  t.same(
    [...clusterOfRecords({ secure: [], plain: [one] }, own, isTwo, true).keys()],
    ['0'],
    'a proxy need not be there',
  )
  t.end()
})
