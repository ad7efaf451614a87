// The peer port with certificates, certificates that members make themselves, and mistakes with either.

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { testCertificate } from '#lib/testing/certificates.ts'
import { ownFolder, Place, Program } from './lib/program.ts'

const ETCD = 'daemons/etcd/main.ts'

async function peerFlags(folder: string, name: string, commonName: string, host: string): Promise<string[]> {
  const { cert, key, ca } = testCertificate(commonName, { hosts: [host] })
  const [certFile, keyFile, caFile] = ['pem', 'key', 'ca'].map(end =>
    join(folder, `${name}.${end}`),
  ) as string[]
  await writeFile(certFile!, cert)
  await writeFile(keyFile!, key)
  await writeFile(caFile!, ca)
  const files = [
    '--peer-cert-file',
    certFile!,
    '--peer-key-file',
    keyFile!,
    '--peer-trusted-ca-file',
    caFile!,
  ]
  return [...files, '--peer-client-cert-auth', '--peer-cert-allowed-cn', 'etcd']
}

t.test('three members who know one another by certificate, and one who is none', async t => {
  const folder = await ownFolder(t)
  const places = ['n1', 'n2', 'n3'].map(name => new Place(name, folder, { peer: 'https' }))
  const [n1, , n3] = places as [Place, Place, Place]
  const initial = ['--initial-cluster', places.map(({ entry }) => entry).join(',')]
  const certificates = await Promise.all(
    places.map(({ name, address }) => peerFlags(folder, name, 'etcd', address)),
  )
  const [p1, p2] = places.slice(0, 2).map((place, at) => place.start(t, [...initial, ...certificates[at]!]))
  await p1!.says('published')
  await p2!.says('published')
  const stranger = n3.start(t, [...initial, ...(await peerFlags(folder, 'other', 'other', n3.address))])
  await p1!.says(/refused .*: its certificate \(CN other\) is not that of a member/)
  t.notMatch(stranger.log, 'published')
  t.equal(await n1.set('/a', '1'), 201, 'two are enough')
  await stranger.kill()
  const right = n3.start(t, [...initial, ...certificates[2]!])
  await right.says('published')
  t.equal(await n3.get('/a'), '1')
})

t.test('certificates that members make themselves', async t => {
  const folder = await ownFolder(t)
  const places = ['n1', 'n2'].map(name => new Place(name, folder, { client: 'https', peer: 'https' }))
  const [n1, n2] = places as [Place, Place]
  const flags = ['--initial-cluster', `${n1.entry},${n2.entry}`, '--auto-tls', '--peer-auto-tls']
  const [p1, p2] = places.map(place => place.start(t, flags))
  await p1!.says('published')
  await p2!.says('published')
  const ca = await readFile(join(n1.folder, 'fixtures/client/cert.pem'))
  n1.tls = { ca }
  t.equal(await n1.set('/a', '1'), 201)
  n2.tls = { ca }
  await t.rejects(n2.get('/a'), /self-signed|unable to verify/, 'each has its own')
  await p1!.kill()
  const again = n1.start(t, flags)
  await again.says('published')
  t.equal(await n1.get('/a'), '1', 'the certificate is kept')
})

t.test('mistakes, in one line', async t => {
  const folder = await ownFolder(t)
  const place = new Place('n1', folder, { client: 'https' })
  const { cert } = testCertificate('one')
  const { key } = testCertificate('other')
  const files = [join(folder, 'cert'), join(folder, 'key')] as const
  await writeFile(files[0], cert)
  await writeFile(files[1], key)
  const cases: [args: string[], line: RegExp][] = [
    [[], /TLS key\/cert \(--cert-file, --key-file\) must be provided for client url https:/],
    [['--cert-file', files[0], '--key-file', files[1]], /the key of .* is not that of the certificate/],
  ]
  for (const [args, line] of cases) {
    const run = new Program(t, ETCD, [...place.flags, ...args])
    t.equal(await run.ended(), 1, args.join(' '))
    t.match(run.log.trim().split('\n').at(-1), line)
  }
})
