import { gzipSync } from 'node:zlib'
import t from 'tap'
import { addressFamily, hardwareAddress, netmaskBits, prefixBits } from './address.ts'
import { parseCommandLine, splitWords } from './cmdline.ts'
import { parseDriveMetadata } from './configdrive.ts'
import { askEc2 } from './ec2.ts'
import { type Guestinfo, readGuestinfo } from './guestinfo.ts'
import { networkFiles, networkSteps } from './networkd.ts'
import { parseOvfEnvironment } from './ovfenv.ts'

t.test('words of the command line, with quotes', t => {
  const cases: [text: string, words: string[]][] = [
    ['', []],
    [' \n', []],
    ['a  b\tc\n', ['a', 'b', 'c']],
    ['k="a b" c', ['k=a b', 'c']],
    ['"k=a b" c', ['k=a b', 'c']],
    ['k=a" "b"c d"', ['k=a bc d']],
    ['k="" ""', ['k=', '']],
    ['a "never closed b', ['a', 'never closed b']],
    ['a\0b', ['a', 'b']],
  ]
  for (const [text, words] of cases) t.same(splitWords(text), words, JSON.stringify(text))
  t.end()
})

t.test('arguments of the command line, by all of their names', t => {
  const nothing = { sshKeys: [], autologin: [], firstBoot: false }
  const cases: [text: string, expected: object][] = [
    ['root=/dev/sda quiet', {}],
    ['cloud-config-url=http://a/x?mac=1', { configUrl: 'http://a/x?mac=1' }],
    ['cloud_config_url=http://a/', { configUrl: 'http://a/' }],
    ['coreos.config.url=http://a/ ignition.config.url=http://b/', { configUrl: 'http://b/' }],
    ['flatcar.config.url=http://a/ orlop.config.url=oem:///x', { configUrl: 'oem:///x' }],
    ['orlop.config.url=http://a/ cloud-config-url=http://b/', { configUrl: 'http://b/' }],
    ['cloud-config-url=http://a/ cloud-config-url=', { configUrl: 'http://a/' }],
    ['cloud-config-url', {}],
    ['coreos.configdrive=1', { configDrive: true }],
    ['coreos.configdrive', { configDrive: true }],
    ['coreos.configdrive=1 coreos.configdrive=0', { configDrive: false }],
    ['flatcar.configdrive=off', { configDrive: false }],
    ['coreos.configdrive=', {}],
    ['coreos.oem.id=ec2', { oemId: 'ec2' }],
    ['ignition.platform.id=vmware', { oemId: 'vmware' }],
    ['sshkey="ssh-rsa AAA me" sshkey="ssh-ed25519 B"', { sshKeys: ['ssh-rsa AAA me', 'ssh-ed25519 B'] }],
    ['sshkey sshkey= sshkey="  "', {}],
    ['coreos.autologin coreos.autologin=ttyS0', { autologin: ['', 'ttyS0'] }],
    ['coreos.first_boot=1', { firstBoot: true }],
    ['coreos.first-boot', { firstBoot: true }],
    ['coreos.first_boot=0', {}],
    ['ignition.firstboot', { firstBoot: true }],
    ['xcoreos.first_boot=1 other.config.url=http://a/', {}],
  ]
  for (const [text, expected] of cases) t.same(parseCommandLine(text), { ...nothing, ...expected }, text)
  t.end()
})

t.test('addresses', t => {
  for (const text of ['0.0.0.0', '10.0.0.1', '255.255.255.255']) t.equal(addressFamily(text), 4, text)
  for (const text of [
    '::',
    '::1',
    'fe80::1',
    '1:2:3:4:5:6:7:8',
    '::ffff:10.0.0.1',
    '1::',
    '1:2:3:4:5:6:1.2.3.4',
  ])
    t.equal(addressFamily(text), 6, text)
  for (const text of [
    '',
    '256.1.1.1',
    '1.2.3',
    '01.2.3.4',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '12345::',
  ])
    t.equal(addressFamily(text), 0, text)
  for (const text of ['1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7::8', '1.2.3.4::', 'fe80::1%eth0', 'g::'])
    t.equal(addressFamily(text), 0, text)
  t.equal(prefixBits('10.0.0.1/24'), 24)
  t.equal(prefixBits('::/0'), 0)
  for (const text of ['10.0.0.1', '10.0.0.1/33', '10.0.0.1/', '::/129', '::/1/2'])
    t.equal(prefixBits(text), undefined)
  t.equal(netmaskBits('255.255.255.255', 4), 32)
  t.equal(netmaskBits('255.255.240.0', 4), 20)
  t.equal(netmaskBits('0.0.0.0', 4), 0)
  t.equal(netmaskBits('64', 6), 64)
  for (const text of ['255.0.255.0', '33', 'x']) t.equal(netmaskBits(text, 4), undefined, text)
  t.equal(hardwareAddress('02-00-00-AA-00-01'), '02:00:00:aa:00:01')
  t.equal(hardwareAddress('02:00'), undefined)
  t.end()
})

function readFrom(values: Record<string, string>): Guestinfo {
  const questions = readGuestinfo()
  let asked = 0
  let step = questions.next()
  for (; !step.done; step = questions.next(values[step.value]))
    if (++asked > 10_000) throw new Error('endless')
  return step.value
}

t.test('guestinfo: user data in each encoding', t => {
  const text = '#cloud-config\nhostname: é\n'
  const data = (more: Record<string, string>) => Buffer.from(readFrom(more).data ?? []).toString()
  t.equal(data({ 'coreos.config.data': text }), text)
  const base64 = Buffer.from(text).toString('base64')
  t.equal(data({ 'coreos.config.data': base64, 'coreos.config.data.encoding': 'base64' }), text)
  t.equal(
    data({
      'ignition.config.data': `${base64.slice(0, 8)}\n${base64.slice(8)}`,
      'ignition.config.data.encoding': 'b64',
    }),
    text,
  )
  const packed = gzipSync(text).toString('base64')
  t.equal(data({ 'coreos.config.data': packed, 'coreos.config.data.encoding': 'gzip+base64' }), text)
  t.same(readFrom({ 'coreos.config.url': ' http://a/ ' }).url, 'http://a/')
  t.same(
    readFrom({ 'coreos.config.url': 'http://a/', 'orlop.config.data': 'x' }).url,
    undefined,
    'data first',
  )
  const bad: [encoding: string, data: string, problem: RegExp][] = [
    ['rot13', 'x', /encoding 'rot13' must be base64/],
    ['base64', '#cloud-config', /is no base64/],
    ['base64', 'AAAAA', /is no base64/],
    ['gzip+base64', base64, /is no gzip/],
  ]
  for (const [encoding, value, problem] of bad)
    t.throws(
      () => readFrom({ 'coreos.config.data': value, 'coreos.config.data.encoding': encoding }),
      { message: problem },
      encoding,
    )
  t.end()
})

t.test('guestinfo: names and networks', t => {
  const found = readFrom({
    hostname: 'core-01',
    'dns.server.0': '10.0.0.2',
    'dns.server.1': 'x',
    'dns.domain.0': 'example.com',
    'interface.0.name': 'ens192',
    'interface.0.role': 'public',
    'interface.0.ip.0.address': '203.0.113.5/24',
    'interface.0.ip.1.address': '2001:db8::5/64',
    'interface.0.route.0.gateway': '203.0.113.1',
    'interface.0.route.0.destination': '0.0.0.0/0',
    'interface.0.route.1.gateway': '203.0.113.2',
    'interface.0.route.1.destination': '10.0.0.0/8',
    'interface.1.mac': '00:50:56:AA:BB:CC',
    'interface.1.dhcp': 'yes',
    'interface.1.role': 'private',
    'interface.2.dhcp': 'yes',
    'interface.3.name': 'a b',
    'interface.4.name': 'e4',
    'interface.4.mac': 'x',
    'interface.4.dhcp': 'perhaps',
    'interface.4.role': 'other',
    'interface.4.ip.0.address': '10.0.0.1',
    'interface.4.route.0.gateway': '10.0.0.1',
  })
  t.equal(found.hostname, 'core-01')
  t.same(found.substitutes, { public_ipv4: '203.0.113.5', public_ipv6: '2001:db8::5' })
  const files = found.interfaces.flatMap(networkFiles)
  t.same(
    files.map(({ name }) => name),
    ['00-ens192.network', '00-005056aabbcc.network', '00-e4.network'],
  )
  t.equal(
    files[0]!.content,
    `[Match]
Name=ens192

[Network]
Address=203.0.113.5/24
Address=2001:db8::5/64
Gateway=203.0.113.1
DNS=10.0.0.2
Domains=example.com

[Route]
Destination=10.0.0.0/8
Gateway=203.0.113.2
`,
  )
  t.equal(
    files[1]!.content,
    '[Match]\nMACAddress=00:50:56:aa:bb:cc\n\n[Network]\nDHCP=yes\nDNS=10.0.0.2\nDomains=example.com\n',
  )
  t.same(found.problems, [
    "dns.server 'x' is no address",
    'interface.2 has neither name nor mac, and is left as it is',
    "interface.3.name 'a b' is no name of an interface",
    "interface.4.ip.0.address '10.0.0.1' must be ADDRESS/BITS",
    'interface.4.route.0 needs a gateway, and a destination that is ADDRESS/BITS',
    "interface.4.mac 'x' is no hardware address",
    "interface.4.dhcp 'perhaps' must be yes or no",
    "interface.4.role 'other' must be public or private",
  ])
  const origin = { path: 'x', line: 0, column: 0 }
  t.match(networkSteps(files, origin)[0], { kind: 'unit', name: '00-ens192.network', runtime: true, origin })
  t.same(readFrom({}), { substitutes: {}, interfaces: [], problems: [] })
  t.end()
})

const NS =
  'xmlns="http://schemas.dmtf.org/ovf/environment/1" xmlns:oe="http://schemas.dmtf.org/ovf/environment/1"'

t.test('an OVF environment', t => {
  const text = `\ufeff<?xml version="1.0" encoding="UTF-8"?>
<!-- made by hand -->
<Environment ${NS} xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' oe:id="">
  <PlatformSection><Kind>VMware ESXi</Kind></PlatformSection>
  <PropertySection>
    <Property oe:key="guestinfo.hostname" oe:value="core &amp; &#x41;&#66;&quot;"/>
    <oe:Property oe:key='guestinfo.empty' oe:value=''></oe:Property>
    <Property oe:key="no.value"/>
    <other:Property xmlns:other="urn:x" oe:key="foreign" oe:value="1"/>
    <![CDATA[ <Property oe:key="in.cdata" oe:value="1"/> ]]>
  </PropertySection>
  <Entity oe:id="another"><PropertySection><Property oe:key="guestinfo.hostname" oe:value="another"/></PropertySection></Entity>
</Environment>
`
  t.same(
    [...parseOvfEnvironment(text)],
    [
      ['guestinfo.hostname', 'core & AB"'],
      ['guestinfo.empty', ''],
    ],
  )
  const bad: [text: string, problem: RegExp][] = [
    ['', /there is no element/],
    ['text', /line 1: there is text outside/],
    ['<!DOCTYPE a [<!ENTITY b "c">]><a/>', /document type is not taken/],
    ['<a>\n<b></a>', /line 2: <\/a> closes nothing, or not <b>/],
    ['<a>', /<a> is not closed/],
    ['<a/><b/>', /more than one root/],
    ['</a>', /closes nothing/],
    ['<a b="1" b="2"/>', /<a> has b twice/],
    ['<a b=1/>', /no attribute/],
    ['<a b="&unknown;"/>', /&unknown; is no entity/],
    ['<a b="&#0;"/>', /is no entity/],
    ['<a>&#xd800;</a>', /is no entity/],
    ['<a b="<"/>', /no attribute/],
    ['<a', /no attribute/],
    ['<1/>', /a name must follow/],
    ['<!-- never', /a comment has no end/],
    ['<a>'.repeat(65), /nested more than 64 deep/],
    ['x'.repeat(5 * 1024 * 1024), /too long/],
  ]
  for (const [text, problem] of bad)
    t.throws(() => parseOvfEnvironment(text), { name: 'UserError', message: problem }, text.slice(0, 40))
  t.end()
})

t.test('meta_data.json of a config drive', t => {
  const parse = (value: unknown) => parseDriveMetadata(JSON.stringify(value))
  t.same(parse({}), { keys: [] })
  t.same(
    parse({
      uuid: 'x',
      hostname: 'a.novalocal',
      public_keys: { b: 'ssh-rsa B\n', a: 'ssh-rsa A', c: null, d: '' },
      network_config: { content_path: '/content/0000', name: 'network_config' },
    }),
    { hostname: 'a.novalocal', keys: ['ssh-rsa A', 'ssh-rsa B'], networkPath: 'openstack/content/0000' },
  )
  t.same(parse({ hostname: null, public_keys: null, network_config: null }), { keys: [] })
  const bad: [value: unknown, problem: RegExp][] = [
    [[], /the document must be an object/],
    [null, /the document must be an object/],
    [{ hostname: 4 }, /hostname must be a text/],
    [{ hostname: 'a\nb' }, /hostname must be one line/],
    [{ public_keys: ['x'] }, /public_keys must be an object/],
    [{ public_keys: { a: 1 } }, /public_keys\.a must be a text/],
    [{ public_keys: { a: 'x\ny' } }, /public_keys\.a must be one line/],
    [{ network_config: { content_path: '../../etc/shadow' } }, /is no path in the drive/],
    [{ network_config: { content_path: '/' } }, /is no path in the drive/],
  ]
  for (const [value, problem] of bad) t.throws(() => parse(value), { name: 'UserError', message: problem })
  t.throws(() => parseDriveMetadata('\0\0\0'), { message: /is no JSON/ })
  t.end()
})

t.test('what a metadata service in the manner of EC2 is asked', t => {
  const ask = (answers: Record<string, string>) => {
    const asked: string[] = []
    const questions = askEc2()
    let step = questions.next()
    for (; !step.done; step = questions.next(answers[asked.at(-1)!]))
      asked.push(step.value.replace('2009-04-04/', ''))
    return { asked, ...step.value }
  }
  const nothing = { keys: [], substitutes: {}, network: [] }
  t.same(ask({}), {
    asked: ['meta-data/public-keys', 'meta-data/hostname', 'meta-data/local-ipv4', 'meta-data/public-ipv4'],
    metadata: nothing,
    problems: [],
  })
  t.same(
    ask({
      'meta-data/public-keys': '0=mine\n7=yours\nrubbish\n',
      'meta-data/public-keys/0/openssh-key': 'ssh-rsa A mine\n',
      'meta-data/public-keys/7/openssh-key': 'ssh-rsa B\nssh-rsa C\n',
      'meta-data/hostname': 'ip-10-0-0-1 example.com',
      'meta-data/local-ipv4': '10.0.0.1',
      'meta-data/public-ipv4': '<html>',
    }),
    {
      asked: [
        'meta-data/public-keys',
        'meta-data/public-keys/0/openssh-key',
        'meta-data/public-keys/7/openssh-key',
        'meta-data/hostname',
        'meta-data/local-ipv4',
        'meta-data/public-ipv4',
      ],
      metadata: {
        ...nothing,
        keys: ['ssh-rsa A mine', 'ssh-rsa B', 'ssh-rsa C'],
        hostname: 'ip-10-0-0-1',
        substitutes: { private_ipv4: '10.0.0.1' },
      },
      problems: ["public-keys: 'rubbish' must be NUMBER=NAME", "public-ipv4 '<html>' is no address"],
    },
  )
  t.end()
})
