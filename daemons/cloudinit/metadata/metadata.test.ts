import t from 'tap'
import { metadataSteps, NO_METADATA, parseMetadata } from './metadata.ts'

const FULL = {
  hostname: 'core-01',
  ssh_keys: ['ssh-ed25519 AAAA a'],
  private_ipv4: '172.17.8.101',
  public_ipv4: '172.17.8.101',
  etcd_rejoin: 'core-01=http://172.17.8.101:2380,core-02=http://172.17.8.102:2380',
  update_group: 'beta',
  network: [
    {
      mac: '02:AB:00:00:00:01',
      address: '172.17.8.101/24',
      dns: ['172.17.8.1'],
      domains: ['orlop.internal'],
      ntp: ['172.17.8.1'],
    },
  ],
}

t.test('all of it becomes steps', t => {
  const steps = metadataSteps(parseMetadata(JSON.stringify(FULL)))
  t.same(
    steps.map(step => step.kind),
    ['hostname', 'keys', 'settings', 'settings', 'unit', 'unit'],
  )
  t.match(steps[2], {
    path: '/etc/environment',
    values: [
      { name: 'COREOS_PRIVATE_IPV4', value: '172.17.8.101' },
      { name: 'COREOS_PUBLIC_IPV4', value: '172.17.8.101' },
    ],
  })
  t.match(steps[4], {
    name: '10-metadata-0.network',
    runtime: true,
    content: `[Match]
MACAddress=02:ab:00:00:00:01

[Network]
Address=172.17.8.101/24
DNS=172.17.8.1
Domains=orlop.internal
NTP=172.17.8.1
LLMNR=no
`,
  })
  t.match(steps[5], {
    name: 'etcd.service',
    dropIns: [
      {
        content:
          /ETCD_REJOIN=true\nEnvironment="ETCD_NAME=core-01"\nEnvironment="ETCD_INITIAL_CLUSTER=core-01=http:.*"\nUnsetEnvironment=ETCD_DISCOVERY /,
      },
    ],
  })
  t.same(metadataSteps(NO_METADATA), [])
  t.same(parseMetadata('{}'), NO_METADATA)
  t.end()
})

t.test('what is wrong is named, and nothing can be smuggled into a unit', t => {
  const cases: [unknown, RegExp][] = [
    [[], /metadata: must be an object/],
    [{ host: 'x' }, /unknown key 'host'/],
    [{ hostname: 'a\nb' }, /hostname/],
    [{ hostname: 7 }, /hostname must be a text/],
    [{ private_ipv4: '::1' }, /private_ipv4 '::1' is no address/],
    [{ public_ipv6: '10.0.0.1' }, /is no address/],
    [{ ssh_keys: 'x' }, /ssh_keys must be a list/],
    [{ ssh_keys: ['a\nb'] }, /lines of text/],
    [{ etcd_rejoin: 'yes' }, /etcd_rejoin 'yes'/],
    [{ etcd_rejoin: 'a=http://x"\nX=' }, /etcd_rejoin/],
    [{ update_group: 'a b' }, /update_group/],
    [{ network: [{ address: '10.0.0.1/24' }] }, /mac is missing/],
    [{ network: [{ mac: FULL.network[0]!.mac, address: '10.0.0.1' }] }, /must be ADDRESS\/BITS/],
    [{ network: [{ mac: FULL.network[0]!.mac, address: '10.0.0.1/33' }] }, /must be ADDRESS\/BITS/],
    [{ network: [{ ...FULL.network[0], dns: ['x'] }] }, /dns: "x" is no address/],
    [{ network: [{ ...FULL.network[0], domains: ['a\n[Route]'] }] }, /domains/],
    [{ network: [{ ...FULL.network[0], gateway: 'x' }] }, /gateway 'x' is no address/],
  ]
  for (const [value, message] of cases) t.throws(() => parseMetadata(JSON.stringify(value)), message)
  t.throws(() => parseMetadata('{'), /is no JSON/)
  t.end()
})
