// The client port with certificates: real processes, our client, our etcdctl and the original's.

import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { request } from '#lib/http/host/client.ts'
import { type TestCertificate, testCertificate, testRevocationList } from '#lib/testing/certificates.ts'
import { findOriginals } from '../compat/lib/programs.ts'
import { ownFolder, Place, Program, until } from './lib/program.ts'

const ETCDCTL = 'daemons/etcdctl/main.ts'

type Pair = Pick<TestCertificate, 'cert' | 'key'>

async function write(folder: string, name: string, { cert, key }: Pair): Promise<string[]> {
  await writeFile(join(folder, `${name}.pem`), cert)
  await writeFile(join(folder, `${name}.key`), key)
  return ['--cert-file', join(folder, `${name}.pem`), '--key-file', join(folder, `${name}.key`)]
}

/** Runs the original's client to its end. */
function original(file: string, args: string[]): Promise<{ status: number | null; out: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { env: { ETCDCTL_API: '2', PATH: process.env['PATH'] } })
    let out = ''
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        out += text
      })
    child.on('error', reject)
    child.on('close', status => resolve({ status, out }))
  })
}

async function ownEtcdctl(t: Test, args: string[]): Promise<Program> {
  const program = new Program(t, ETCDCTL, args)
  await program.ended()
  return program
}

t.test('clients show who they are, and certificates are exchanged under way', async t => {
  const folder = await ownFolder(t)
  const place = new Place('n1', folder, { client: 'https' })
  const hosts = [place.address]
  const flags = await write(folder, 'server', testCertificate('server', { hosts }))
  const [alice, revoked] = [testCertificate('alice'), testCertificate('mallory')]
  const { ca } = alice
  const caFile = join(folder, 'ca.pem')
  await writeFile(caFile, ca)
  const crl = join(folder, 'revoked.pem')
  await writeFile(crl, testRevocationList([revoked]))
  const auth = ['--client-cert-auth', '--trusted-ca-file', caFile, '--client-crl-file', crl]
  const server = place.start(t, [...flags, ...auth])
  await server.says('published')

  place.tls = { ca, cert: alice.cert, key: alice.key }
  t.equal(await place.set('/a', '1'), 201, 'with a certificate')
  for (const [what, tls, why] of [
    ['none', { ca }, /certificate/],
    ['of nobody', testCertificate('alice', { isUnsigned: true }), /certificate|verify/],
    ['revoked', revoked, /certificate|verify/],
  ] as const) {
    const before = server.log.length
    place.tls = { ...tls, ca }
    await t.rejects(place.get('/a'), { message: /alert|certificate|ECONNRESET|closed|hang up/ }, what)
    await until(
      `a line about ${what}`,
      () => /rejected connection/.test(server.log.slice(before)) || undefined,
    )
    t.match(server.log.slice(before), why, what)
  }
  await t.rejects(request({ url: place.clientUrl.replace('https', 'http') }), 'plain HTTP is not spoken')

  await write(folder, 'alice', alice)
  const shown = ['--ca-file', caFile, '--cert-file', join(folder, 'alice.pem')]
  const client = [...shown, '--key-file', join(folder, 'alice.key')]
  const endpoints = ['--endpoints', place.clientUrl]
  const { etcdctl } = await findOriginals(process.env)
  const got = await original(etcdctl, [...client, ...endpoints, 'get', '/a'])
  t.same(got, { status: 0, out: '1\n' }, "the original's etcdctl")
  const refused = await original(etcdctl, ['--ca-file', caFile, ...endpoints, 'get', '/a'])
  t.not(refused.status, 0)
  t.match(refused.out, /certificate|cluster is unavailable/)
  const own = await ownEtcdctl(t, [...client, ...endpoints, 'get', '/a'])
  t.same([own.status, own.out], [0, '1\n'], 'our etcdctl')

  await write(folder, 'server', testCertificate('another', { hosts }))
  await server.says('server.pem has changed and is used from now on')
  const seen: string[] = []
  const checkServerIdentity = (_host: string, { subject }: { subject: { CN: string } }) =>
    void seen.push(subject.CN)
  place.tls = { ca, cert: alice.cert, key: alice.key, checkServerIdentity } as Place['tls']
  t.equal(await place.get('/a'), '1')
  t.same(seen, ['another'])
  await writeFile(crl, testRevocationList([revoked, alice]))
  await until(
    'that the new list counts',
    async () =>
      await place.get('/a').then(
        () => undefined,
        () => true,
      ),
  )
  await writeFile(join(folder, 'server.key'), 'no key')
  await server.says(/server\.pem has changed and cannot be used: .*server\.key holds no private key/)
})

t.test('the common name is the user, where no other is given', async t => {
  const folder = await ownFolder(t)
  const place = new Place('n1', folder, { client: 'https' })
  const { ca, ...root } = testCertificate('root')
  const flags = await write(folder, 'server', testCertificate('server', { hosts: [place.address] }))
  await writeFile(join(folder, 'ca.pem'), ca)
  const server = place.start(t, [...flags, '--client-cert-auth', '--trusted-ca-file', join(folder, 'ca.pem')])
  await server.says('published')
  place.tls = { ca, ...root }
  const put = async (path: string, body: unknown) =>
    (await place.ask('PUT', path, JSON.stringify(body))).status
  t.equal(await put('/v2/auth/users/root', { user: 'root', password: 'secret' }), 201)
  t.equal(await put('/v2/auth/users/bob', { user: 'bob', password: 'secret' }), 201)
  const kv = { read: ['/b*'], write: ['/b*'] }
  t.equal(await put('/v2/auth/roles/b', { role: 'b', permissions: { kv } }), 201)
  t.equal(await put('/v2/auth/users/bob', { user: 'bob', grant: ['b'] }), 200)
  t.equal(await put('/v2/auth/enable', {}), 200)
  const none = { read: ['/*'], write: ['/*'] }
  t.equal(
    await put('/v2/auth/roles/guest', { role: 'guest', revoke: { kv: none } }),
    200,
    'root by certificate',
  )
  const { cert, key } = testCertificate('bob')
  place.tls = { ca, cert, key }
  t.equal(await place.set('/b1', 'x'), 201)
  t.equal(await place.set('/c', 'x'), 401)
  t.equal((await place.ask('GET', '/v2/auth/users')).status, 401)
  const stranger = testCertificate('stranger')
  place.tls = { ca, cert: stranger.cert, key: stranger.key }
  t.equal(await place.set('/b1', 'x'), 401)
})
