// Founders that DNS names, by a name server of our own.

import t from 'tap'
import { type DnsRecord, serveNames } from './lib/dns.ts'
import { ownFolder, Place, Program } from './lib/program.ts'

const SERVICE = '_etcd-server._tcp'

function srv(target: string, port = 2380): DnsRecord {
  return { srv: { port, target } }
}

t.test('founders, a proxy, and records that are no good', async t => {
  const folder = await ownFolder(t)
  const [n1, n2, alone, front] = ['n1', 'n2', 'alone', 'front'].map(
    name => new Place(name, folder),
  ) as Place[]
  const servers = await serveNames(t, {
    [`${SERVICE}.two.test`]: [srv(n1!.address), srv(n2!.address)],
    [`_etcd-server-blue._tcp.one.test`]: [srv('member.one.test')],
    'member.one.test': [{ a: alone!.address }],
    [`${SERVICE}.others.test`]: [srv(n1!.address), srv('nobody.others.test')],
    [`${SERVICE}.port.test`]: [srv(alone!.address, 2381)],
    [`${SERVICE}.empty.test`]: [],
  })
  const run = (place: Place, flags: readonly string[], names = servers) =>
    new Program(t, 'daemons/etcd/main.ts', [...place.flags, ...flags], { ORLOP_DNS_SERVERS: names })

  const members = [n1!, n2!].map(place => run(place, ['--discovery-srv', 'two.test']))
  for (const member of members) await member.says('published')
  t.equal(await n1!.set('/a', '1'), 201)
  t.equal(await n2!.get('/a'), '1')
  const proxy = run(front!, ['--discovery-srv', 'two.test', '--proxy', 'on'])
  await proxy.says('httpproxy: endpoints found')
  t.equal(await front!.get('/a'), '1')
  for (const program of [...members, proxy]) await program.kill()

  const bad: [domain: string, names: string, line: RegExp][] = [
    [
      'none.test',
      servers,
      /error querying DNS SRV records for none\.test: lookup _etcd-server-ssl\._tcp\.none\.test: no such host, .*; the domain needs a record/,
    ],
    ['empty.test', servers, /lookup _etcd-server\._tcp\.empty\.test: no such host/],
    [
      'others.test',
      servers,
      /couldn't find local name "alone" .*: no record is that of http:.*; --initial-advertise-peer-urls must be/,
    ],
    ['port.test', servers, /no record is that of/],
    ['none.test', 'nowhere', /ORLOP_DNS_SERVERS: nowhere is no list of addresses/],
  ]
  for (const [domain, names, line] of bad) {
    const failed = run(alone!, ['--discovery-srv', domain], names)
    t.equal(await failed.ended(), 1, domain)
    t.match(failed.log.trim().split('\n').at(-1), line)
  }
  const single = run(alone!, ['--discovery-srv', 'one.test', '--discovery-srv-name', 'blue'])
  await single.says('published')
  const [member] = await alone!.members()
  t.same(member?.peerURLs, ['http://member.one.test:2380'], 'found by address, called by name')
})
