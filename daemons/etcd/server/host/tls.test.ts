// Files of certificates: what is made, what is refused, and what is taken up.

import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { testCertificate, testRevocationList } from '#lib/testing/certificates.ts'
import { makeCertificate } from '#lib/tls/certificate.ts'
import type { TlsSettings } from '../../config/config.ts'
import { findCertificate, readMaterial } from './tls.ts'

const DAY_MS = 86_400_000
const NONE: TlsSettings = {
  certFile: '',
  keyFile: '',
  clientCertAuth: false,
  trustedCaFile: '',
  crlFile: '',
  autoTls: false,
}

async function folderOf(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'orlop-tls-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}

t.test('a certificate of its own, made once', async t => {
  const folder = join(await folderOf(t), 'fixtures')
  const urls = ['https://127.0.0.1:2379', 'https://[::1]:2379', 'https://localhost:2379', 'https://:2380']
  const settings = { ...NONE, autoTls: true }
  const paths = await findCertificate(settings, urls, folder)
  t.same(paths, { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') })
  const text = await readFile(paths!.cert)
  const certificate = new X509Certificate(text)
  t.ok(certificate.checkIP('127.0.0.1') && certificate.checkIP('::1') && certificate.checkHost('localhost'))
  readMaterial(paths!, settings)
  t.same(await findCertificate(settings, urls, folder), paths)
  t.same(await readFile(paths!.cert), text, 'a second start shows the same')
  const { privateKey: key, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const now = Date.now()
  const ending = makeCertificate(
    {
      commonName: 'x',
      hosts: [],
      publicKey,
      serial: Buffer.of(1),
      notBeforeMs: now,
      notAfterMs: now + 20 * DAY_MS,
    },
    { commonName: 'x', key },
  )
  for (const stale of [ending, 'damaged']) {
    await writeFile(paths!.cert, stale)
    await findCertificate(settings, urls, folder)
    t.ok(new X509Certificate(await readFile(paths!.cert)).checkIP('::1'), 'one that soon ends is made anew')
    readMaterial(paths!, settings)
  }
  t.equal(await findCertificate(settings, ['http://127.0.0.1:1'], folder), undefined, 'plain ports need none')
  t.equal(await findCertificate(NONE, urls, folder), undefined)
})

t.test('what files hold, and what they do not', async t => {
  const folder = await folderOf(t)
  const [one, other] = [testCertificate('one'), testCertificate('other')]
  const file = async (name: string, text: string) => {
    const path = join(folder, name)
    await writeFile(path, text)
    return path
  }
  const [cert, key] = [await file('cert', one.cert), await file('key', one.key)]
  const [wrong, junk] = [await file('wrong', other.key), await file('junk', 'junk')]
  const [ca, crl] = [await file('ca', one.ca), await file('crl', testRevocationList([other]))]
  const material = readMaterial({ cert, key }, { ...NONE, trustedCaFile: ca, crlFile: crl })
  t.same(Object.keys(material), ['cert', 'key', 'ca', 'crl'])
  const none = join(folder, 'none')
  const cases: [paths: { cert: string; key: string }, settings: Partial<TlsSettings>, line: RegExp][] = [
    [{ cert, key: none }, {}, /^open .*\/none: no such file or directory$/],
    [{ cert, key: folder }, {}, /^open .*: EISDIR/],
    [{ cert, key: wrong }, {}, /^the key of .*wrong is not that of the certificate .*cert/],
    [{ cert, key: junk }, {}, /junk holds no private key in PEM/],
    [{ cert: junk, key }, {}, /junk holds no certificate in PEM/],
    [{ cert, key }, { trustedCaFile: junk }, /junk holds no certificate in PEM/],
    [{ cert, key }, { crlFile: junk }, /junk holds no list of revoked certificates in PEM/],
  ]
  for (const [paths, settings, line] of cases) {
    t.throws(() => readMaterial(paths, { ...NONE, ...settings }), { name: 'UserError', message: line })
  }
})
