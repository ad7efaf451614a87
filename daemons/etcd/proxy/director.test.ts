// Whom a proxy asks, and which headers go on.

import t from 'tap'
import { Director } from './director.ts'
import { backwardHeaders, forwardHeaders } from './headers.ts'

t.test('whom to ask', t => {
  let state = 1
  const random = () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
  const director = new Director(5000, random)
  t.same(director.turn(0), [], 'nobody is known')
  director.update(['a', 'b', 'c', 'b'])
  t.same(director.urls, ['a', 'b', 'c'])
  const firsts = new Set<string>()
  for (let at = 0; at < 100; at++) {
    const turn = director.turn(0).map(({ url }) => url)
    t.same(turn.toSorted(), ['a', 'b', 'c'])
    firsts.add(turn[0]!)
  }
  t.equal(firsts.size, 3, 'each comes first at times')

  const b = director.turn(100).find(({ url }) => url === 'b')!
  director.failed(b, 100)
  const at = (nowMs: number) =>
    director
      .turn(nowMs)
      .map(({ url }) => url)
      .toSorted()
      .join('')
  t.equal(at(5099), 'ac')
  t.equal(at(5100), 'abc', 'it is tried again after a while')
  director.failed(b, 6000)
  director.update(['b', 'd'])
  t.equal(at(10_999), 'd', 'what is known of those that stay is kept')
  director.update(['d'])
  director.update(['b', 'd'])
  t.equal(at(6001), 'bd', 'who has gone comes back as new')
  for (const endpoint of director.turn(6001)) director.failed(endpoint, 6001)
  t.same(director.turn(6002), [])
  t.same(director.urls, ['b', 'd'], 'they are known nevertheless')
  t.end()
})

t.test('headers on the way', t => {
  const sent: [string, string][] = [
    ['Host', 'proxy:2379'],
    ['Connection', 'close, X-Own'],
    ['X-Own', 'of this connection'],
    ['Transfer-Encoding', 'chunked'],
    ['content-LENGTH', '3'],
    ['TE', 'trailers'],
    ['Expect', '100-continue'],
    ['Authorization', 'Basic x'],
    ['X-Forwarded-For', '10.0.0.9'],
    ['Accept', 'a'],
    ['Accept', 'b'],
  ]
  t.same(
    [...forwardHeaders(sent, '10.0.0.1')],
    [
      ['Authorization', 'Basic x'],
      ['Accept', 'a, b'],
      ['X-Forwarded-For', '10.0.0.9, 10.0.0.1'],
    ],
  )
  t.same([...forwardHeaders([], '10.0.0.1')], [['X-Forwarded-For', '10.0.0.1']])
  t.same([...forwardHeaders([], '')], [], 'a unix socket has no address')
  const got = [
    'X-Etcd-Index',
    '4',
    'Date',
    'now',
    'Content-Length',
    '2',
    'Connection',
    'X-Hop',
    'X-Hop',
    'y',
    'Set-Cookie',
    'a',
    'Set-Cookie',
    'b',
  ]
  t.same(backwardHeaders(got), [
    ['X-Etcd-Index', '4'],
    ['Set-Cookie', 'a'],
    ['Set-Cookie', 'b'],
  ])
  t.end()
})
