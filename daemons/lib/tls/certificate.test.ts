import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import t from 'tap'
import { makeCertificate } from './certificate.ts'
import { element, identifier, integer, time } from './der.ts'

const DAY_MS = 86_400_000
const START_MS = Date.UTC(2026, 0, 1)

t.test('lengths, numbers, identifiers and times as X.690 has them', t => {
  t.equal(element(4, Buffer.alloc(0x7f)).subarray(0, 2).toString('hex'), '047f')
  t.equal(element(4, Buffer.alloc(0x80)).subarray(0, 3).toString('hex'), '048180')
  t.equal(element(4, Buffer.alloc(0x100)).subarray(0, 4).toString('hex'), '04820100')
  t.equal(integer(Buffer.from([0, 0, 1])).toString('hex'), '020101')
  t.equal(integer(Buffer.from([0x80])).toString('hex'), '02020080')
  t.equal(integer(Buffer.from([0])).toString('hex'), '020100')
  t.equal(identifier('1.2.840.10045.4.3.2').toString('hex'), '06082a8648ce3d040302')
  t.equal(time(START_MS).toString('latin1'), '\x17\x0d260101000000Z')
  t.equal(time(Date.UTC(2050, 5, 7)).toString('latin1'), '\x18\x0f20500607000000Z')
  t.end()
})

t.test('a certificate that others can read and verify', t => {
  const authority = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const owner = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const issuer = { commonName: 'the authority', key: authority.privateKey }
  const times = { notBeforeMs: START_MS, notAfterMs: START_MS + 30 * DAY_MS }
  const root = new X509Certificate(
    makeCertificate(
      {
        commonName: 'the authority',
        hosts: [],
        publicKey: authority.publicKey,
        serial: Buffer.from([1]),
        ...times,
        isAuthority: true,
      },
      issuer,
    ),
  )
  const leaf = new X509Certificate(
    makeCertificate(
      {
        commonName: 'größe',
        organisation: 'orlop',
        hosts: ['10.0.0.1', 'fe80::12:3', 'etcd.example'],
        publicKey: owner.publicKey,
        serial: Buffer.from([0xff, 2]),
        ...times,
      },
      issuer,
    ),
  )
  t.ok(root.ca && root.verify(authority.publicKey) && root.checkIssued(root))
  t.ok(leaf.verify(authority.publicKey) && leaf.checkIssued(root) && leaf.checkPrivateKey(owner.privateKey))
  t.notOk(leaf.ca)
  t.notOk(leaf.verify(owner.publicKey))
  t.equal(leaf.subject, 'O=orlop\nCN=größe')
  t.equal(leaf.issuer, 'CN=the authority')
  t.equal(leaf.serialNumber, 'FF02')
  t.equal(leaf.subjectAltName, 'IP Address:10.0.0.1, IP Address:FE80:0:0:0:0:0:12:3, DNS:etcd.example')
  t.same(leaf.keyUsage, ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'])
  t.equal(new Date(leaf.validFrom).getTime(), START_MS)
  t.equal(new Date(leaf.validTo).getTime(), START_MS + 30 * DAY_MS)
  t.ok(leaf.checkIP('10.0.0.1') && leaf.checkIP('fe80::12:3') && leaf.checkHost('etcd.example'))
  t.notOk(leaf.checkIP('10.0.0.2') || leaf.checkHost('other.example'))
  t.end()
})
