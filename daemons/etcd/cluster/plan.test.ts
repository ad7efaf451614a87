// Every decision of a start, as tables.

import t from 'tap'
import type { Config } from '../config/config.ts'
import { readStart } from '../config/read.ts'
import type { ClusterMember } from '../member/service.ts'
import { decodeOrigin, decodeProxyCluster, encodeOrigin, encodeProxyCluster } from './origin.ts'
import {
  checkNotBootstrapped,
  type DataState,
  firstStep,
  foundingOrigin,
  joiningOrigin,
  originOf,
  sameUrls,
} from './plan.ts'
import { rejoinStep } from './rejoin.ts'

const URL1 = 'http://10.0.0.1:2380'
const URL2 = 'http://10.0.0.2:2380'
const URL3 = 'http://10.0.0.3:2380'
const OWN = { name: 'n1', peerUrls: [URL1] }

function configOf(...args: string[]): Config {
  const start = readStart(['--data-dir', '/d', ...args], {}, undefined, '')
  if (start.kind === 'end') throw new Error(start.err)
  return start.config
}

function member(id: string, name: string, ...peerUrls: string[]): ClusterMember {
  return { id, name, peerUrls, clientUrls: name === '' ? [] : ['http://10.0.0.9:2379'], isLearner: false }
}

t.test('what a start begins with', t => {
  const flags: Record<string, string[]> = {
    none: [],
    existing: ['--initial-cluster-state', 'existing'],
    discovery: ['--discovery', 'http://h/t'],
    srv: ['--discovery-srv', 'd'],
    proxy: ['--proxy', 'on'],
    readonly: ['--proxy', 'readonly', '--discovery', 'http://h/t'],
    rejoin: ['--rejoin'],
    force: ['--force-new-cluster'],
  }
  const table: Record<DataState, Record<keyof typeof flags, string>> = {
    empty: {
      none: 'static',
      existing: 'existing',
      discovery: 'discovery',
      srv: 'srv',
      proxy: 'proxy',
      readonly: 'proxy',
      rejoin: 'rejoin',
      force: '--force-new-cluster needs the data of a member, and /d holds none',
    },
    member: Object.fromEntries(Object.keys(flags).map(name => [name, 'restart'])),
    proxy: {
      ...Object.fromEntries(Object.keys(flags).map(name => [name, 'proxy'])),
      force: '/d is that of a proxy: there is no data to make a cluster of',
    },
    both: Object.fromEntries(
      Object.keys(flags).map(name => [name, 'invalid datadir. Both member and proxy directories exist.']),
    ),
  }
  for (const [state, row] of Object.entries(table))
    for (const [name, expected] of Object.entries(row)) {
      const decide = () => firstStep(state as DataState, configOf(...flags[name]!))
      if (expected.includes(' '))
        t.throws(decide, { name: 'UserError', message: expected }, `${state} ${name}`)
      else t.equal(decide(), expected, `${state} ${name}`)
    }
  t.end()
})

t.test('founding', t => {
  const alone = foundingOrigin(new Map([['p1', ['http://127.0.0.1:36380']]]), 'etcd-cluster', {
    name: 'p1',
    peerUrls: ['http://127.0.0.1:36380'],
  })
  t.same(
    [alone.id, alone.clusterId],
    ['7de024a39b9cb2f6', '92f854ab602d9eec'],
    'as the original numbers them',
  )
  const cluster = new Map([
    ['n1', [URL1]],
    ['n2', [URL2]],
    ['n3', [URL3]],
  ])
  const origin = foundingOrigin(cluster, 'x', OWN)
  const ids = origin.founders.map(({ id }) => BigInt(`0x${id}`))
  t.same(
    ids,
    ids.toSorted((a, b) => (a < b ? -1 : 1)),
    'in the order of ids as numbers',
  )
  const other = foundingOrigin(cluster, 'x', { name: 'n2', peerUrls: [URL2] })
  t.same({ ...other, id: '' }, { ...origin, id: '' }, 'all see the same cluster')
  t.not(foundingOrigin(cluster, 'y', OWN).clusterId, origin.clusterId, 'tokens tell clusters apart')
  const wrong: [cluster: [string, string[]][], own: typeof OWN, line: RegExp, hint: RegExp][] = [
    [
      [['n2', [URL1]]],
      OWN,
      /^couldn't find local name "n1" in the initial cluster configuration$/,
      /one of n2/,
    ],
    [
      [['n1', [URL1, URL2]]],
      OWN,
      /^--initial-cluster has n1=.*1:2380,n1=.*2:2380 but missing from --initial-advertise-peer-urls=/,
      /same URLs/,
    ],
    [
      [['n1', [URL1]]],
      { name: 'n1', peerUrls: [URL1, URL2] },
      /^--initial-advertise-peer-urls has .* but missing from --initial-cluster=n1=/,
      /same/,
    ],
    [
      [
        ['n1', [URL1]],
        ['n2', [URL1]],
      ],
      OWN,
      /^initial cluster n1=.*,n2=.* has duplicate url$/,
      /^/,
    ],
  ]
  for (const [entries, own, line, hint] of wrong)
    t.throws(() => foundingOrigin(new Map(entries), 'x', own), {
      name: 'UserError',
      message: line,
      hint: hint.source === '^' ? undefined : hint,
    })
  const resolved = (left: readonly string[]) => left[0] === 'http://one:2380'
  t.ok(foundingOrigin(new Map([['n1', ['http://one:2380']]]), 'x', OWN, resolved), 'or by where they lead')
  const known = (name: string, id = origin.id, clusterId = origin.clusterId) => [
    { url: URL2, clusterId, members: [member(id, name, URL1)] },
  ]
  t.throws(() => checkNotBootstrapped(origin, known('n1')), {
    message: `member ${origin.id} has already been bootstrapped`,
    hint: /--rejoin/,
  })
  checkNotBootstrapped(origin, [])
  checkNotBootstrapped(origin, known(''))
  checkNotBootstrapped(origin, known('n1', 'abc'))
  t.throws(() => checkNotBootstrapped(origin, known('n1', origin.id, 'other')), {
    message: `cluster ID mismatch: the member at ${URL2} is of cluster other, and the flags found cluster ${origin.clusterId}`,
    hint: /same --initial-cluster and --initial-cluster-token; .*--rejoin/,
  })
  t.end()
})

t.test('joining', t => {
  const running = { clusterId: 'c', members: [member('a1', '', URL1), member('a2', 'n2', URL2)] }
  const cluster = new Map([
    ['n1', [URL1]],
    ['n2', [URL2]],
  ])
  const origin = joiningOrigin(cluster, running, OWN)
  t.same(origin, {
    id: 'a1',
    clusterId: 'c',
    founders: [],
    peers: [{ id: 'a2', name: 'n2', peerUrls: [URL2] }],
  })
  t.same(decodeOrigin(encodeOrigin(origin)), origin)
  const hint = /'etcdctl member add n1 http:\/\/10\.0\.0\.1:2380' has printed/
  t.throws(() => joiningOrigin(new Map([['n1', [URL1]]]), running, OWN), {
    message: /^error validating peerURLs \[a1: .*; a2: .*\]: member count is unequal$/,
    hint,
  })
  t.throws(
    () =>
      joiningOrigin(
        new Map([
          ['n1', [URL1]],
          ['n3', [URL3]],
        ]),
        running,
        OWN,
      ),
    {
      message: /unmatched member while checking PeerURLs \(http:\/\/10\.0\.0\.3:2380\)$/,
      hint,
    },
  )
  const ran = member('a1', 'n1', URL1)
  t.throws(() => originOf(ran, { clusterId: 'c', members: [ran] }), {
    message: 'member a1 has already been bootstrapped',
  })
  t.end()
})

t.test('a member that lost its disk', t => {
  const others = [member('a2', 'n2', URL2), member('a3', 'n3', URL3)]
  t.same(rejoinStep([member('a1', 'n1', URL1), ...others], [URL1]), { kind: 'remove', id: 'a1' })
  t.same(rejoinStep(others, [URL1]), { kind: 'add' })
  t.match(rejoinStep([member('b1', '', URL1), ...others], [URL1]), { kind: 'join', self: { id: 'b1' } })
  t.throws(() => rejoinStep([member('a1', 'n1', URL1)], [URL1]), {
    message: /no other member/,
    hint: /--force-new-cluster/,
  })
  t.ok(sameUrls([URL1, URL2], [URL2, URL1]))
  t.notOk(sameUrls([URL1], [URL1, URL2]))
  t.notOk(sameUrls([URL1], [URL2]))
  t.end()
})

t.test('files of a data directory', t => {
  for (const text of [
    '',
    '{',
    'null',
    '[]',
    '{"id":"0"}',
    '{"id":"a","clusterId":"b","founders":[1],"peers":[]}',
    '{"id":"a","clusterId":"b","founders":[{"id":"a","name":1,"peerUrls":[]}],"peers":[]}',
  ])
    t.equal(decodeOrigin(text), undefined, text)
  t.same(decodeProxyCluster(encodeProxyCluster([URL1])), [URL1])
  t.same(encodeProxyCluster([URL1]), `{"PeerURLs":["${URL1}"]}`)
  for (const text of ['', '[]', 'null', '{"PeerURLs":[1]}', '{"PeerURLs":"x"}'])
    t.equal(decodeProxyCluster(text), undefined, text)
  t.end()
})
