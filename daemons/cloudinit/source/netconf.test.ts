import t from 'tap'
import { convertInterfaces } from './netconf.ts'

function files(text: string): Record<string, string> {
  const { files, problems } = convertInterfaces(text)
  t.same(problems, [])
  return Object.fromEntries(files.map(({ name, content }) => [name, content]))
}

t.test('addresses as OpenStack gives them', t => {
  const text = `# Injected by Nova on instance boot
auto lo
iface lo inet loopback

auto eth0
iface eth0 inet static
    hwaddress ether BC:76:4E:00:00:01
    address 192.0.2.10
    netmask 255.255.255.0
    broadcast 192.0.2.255
    gateway 192.0.2.1
    dns-nameservers 192.0.2.2 192.0.2.3
    dns-search a.example b.example
    post-up route add -net 10.208.0.0 netmask 255.240.0.0 gw 10.176.0.1 || true
    up /sbin/ip route add 10.0.0.0/8 via 192.0.2.9
    pre-down route del -net 10.208.0.0 netmask 255.240.0.0 gw 10.176.0.1 || true
iface eth0 inet6 static
    address 2001:db8::10
    netmask 64
    gateway fe80::def
auto eth1
iface eth1 inet dhcp
iface eth1 inet6 dhcp
    mtu 1400
`
  t.same(files(text), {
    '00-eth0.network': `[Match]
MACAddress=bc:76:4e:00:00:01

[Network]
Address=192.0.2.10/24
Address=2001:db8::10/64
Gateway=192.0.2.1
Gateway=fe80::def
DNS=192.0.2.2
DNS=192.0.2.3
Domains=a.example b.example

[Route]
Destination=10.208.0.0/12
Gateway=10.176.0.1

[Route]
Destination=10.0.0.0/8
Gateway=192.0.2.9
`,
    '00-eth1.network': '[Match]\nName=eth1\n\n[Link]\nMTUBytes=1400\n\n[Network]\nDHCP=yes\n',
  })
  t.end()
})

t.test('bonds and VLANs', t => {
  const text = `iface eth0 inet manual
    bond_master bond0
iface eth1 inet manual
    hwaddress 02:00:00:00:00:02
iface bond0 inet dhcp
    bond-slaves eth1
    bond-mode 4
    bond-miimon 100
    bond-lacp-rate fast
    bond-xmit_hash_policy layer3+4
    hwaddress ether 02:00:00:00:00:03
iface bond0.100 inet static
    address 10.1.0.1/24
iface vlan7 inet manual
    vlan_raw_device eth2
`
  t.same(files(text), {
    '00-eth0.network': '[Match]\nName=eth0\n\n[Network]\nBond=bond0\n',
    '00-eth1.network': '[Match]\nMACAddress=02:00:00:00:00:02\n\n[Network]\nBond=bond0\n',
    '00-bond0.netdev':
      '[NetDev]\nName=bond0\nKind=bond\nMACAddress=02:00:00:00:00:03\n\n[Bond]\nMode=802.3ad\nMIIMonitorSec=100ms\nLACPTransmitRate=fast\nTransmitHashPolicy=layer3+4\n',
    '00-bond0.network': '[Match]\nName=bond0\n\n[Network]\nDHCP=ipv4\nVLAN=bond0.100\n',
    '00-bond0.100.netdev': '[NetDev]\nName=bond0.100\nKind=vlan\n\n[VLAN]\nId=100\n',
    '00-bond0.100.network': '[Match]\nName=bond0.100\n\n[Network]\nAddress=10.1.0.1/24\n',
    '00-vlan7.netdev': '[NetDev]\nName=vlan7\nKind=vlan\n\n[VLAN]\nId=7\n',
    '00-vlan7.network': '[Match]\nName=vlan7\n',
    '00-eth2.network': '[Match]\nName=eth2\n\n[Network]\nVLAN=vlan7\n',
  })
  t.end()
})

t.test('what is wrong or unknown is told by its line, and the rest counts', t => {
  const text = `iface eth0 inet static
    address 10.0.0.5
    gateway here
    bridge_ports eth1
    post-up echo hello
    down ip link set eth0 down
    hwaddress random
    mtu big
iface eth1 inet ppp
iface eth2 inet6 static
    address 10.0.0.1/24
iface eth3 inet static
iface eth4.5000 inet manual
iface bad
    address 10.0.0.6
    netmask 255.0.0.0
source /etc/network/interfaces.d/*
iface eth5 inet static
    address 10.0.0.7 \\
    /24
    bond-slaves a/b
    bond-mode tight
    bond-miimon often
mapping eth0
`
  const { files, problems } = convertInterfaces(text)
  t.same(problems, [
    "line 14: must be 'iface NAME inet|inet6 METHOD'",
    "line 15: 'address' is in no block that is understood",
    "line 17: 'source' is not supported",
    "line 24: 'mapping' is not supported",
    "line 1: '10.0.0.5' has no netmask, or a wrong one",
    "line 3: 'here' is no address",
    "line 4: 'bridge-ports' is not supported",
    "line 5: 'echo hello' is a command that is not supported",
    "line 6: 'down ip link set eth0 down' is not supported",
    "line 7: hwaddress 'random' is no hardware address",
    "line 8: mtu 'big' is no number",
    "line 9: method 'ppp' of inet is not supported",
    "line 10: '10.0.0.1/24' is no address of inet6",
    "line 12: 'eth3' is static, and has no address",
    "line 13: 'eth4.5000' must have a number up to 4094 and the name of a card",
    "line 18: '10.0.0.7 /24' is no address of inet",
    "line 22: bond-mode 'tight' is not understood",
    "line 23: bond-miimon 'often' is not understood",
    "line 21: bond-slaves 'a/b' is no name",
  ])
  t.ok(files.length > 0)
  t.same(convertInterfaces(''), { files: [], problems: [] })
  t.match(convertInterfaces('iface eth0 inet dhcp\n  mtu 15\\').problems, [/ends in a backslash/])
  t.match(convertInterfaces('iface e inet dhcp\n'.repeat(1001)).problems, [/line 1001: more than 1000/])
  t.end()
})

t.test('no value gets into a line of its own', t => {
  const text = 'iface eth0 inet static\n address 10.0.0.1/24\n dns-search a\rb [Match]\n bond-master x\x0by\n'
  const { files } = convertInterfaces(text)
  for (const { content } of files) t.notMatch(content, /[\r\x0b]|\[Match\].*\[Match\]/s)
  t.end()
})
