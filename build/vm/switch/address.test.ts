import t from 'tap'
import { formatIpv4, formatMac, isGroup, parseIpv4, parseMac, readMac } from './address.ts'

t.test('addresses of Ethernet', async t => {
  const bytes = Buffer.from('00fedcba98765400', 'hex')
  t.equal(readMac(bytes, 1), 0xfedcba987654)
  t.equal(formatMac(0xfedcba987654), 'fe:dc:ba:98:76:54')
  t.equal(formatMac(1), '00:00:00:00:00:01')
  t.equal(parseMac('FE:dc:ba:98:76:54'), 0xfedcba987654)
  for (const bad of ['', 'fe:dc:ba:98:76', 'fe:dc:ba:98:76:5', 'fe-dc-ba-98-76-54', 'fe:dc:ba:98:76:54:32'])
    t.equal(parseMac(bad), undefined, bad)
  t.equal(isGroup(Buffer.from('010000000000', 'hex'), 0), true)
  t.equal(isGroup(Buffer.from('fe0000000000', 'hex'), 0), false)
})

t.test('addresses of IP', async t => {
  t.equal(parseIpv4('172.17.8.1'), 0xac110801)
  t.equal(parseIpv4('255.255.255.255'), 0xffffffff)
  t.equal(formatIpv4(0xac110801), '172.17.8.1')
  t.equal(formatIpv4(0), '0.0.0.0')
  for (const bad of ['', '1.2.3', '1.2.3.4.5', '1.2.3.256', '01.2.3.4', '1.2.3.', '1.2.3.4 ', '0x1.2.3.4'])
    t.equal(parseIpv4(bad), undefined, bad)
})
