// A proxy between clients and members that all show certificates.

import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { type TestCertificate, testCertificate, testRevocationList } from '#lib/testing/certificates.ts'
import { ownFolder, Place, until } from './lib/program.ts'

/** In one step each, as careful tools do. */
async function write(folder: string, name: string, { cert, key, ca }: TestCertificate): Promise<string[]> {
  const paths = ['pem', 'key', 'ca'].map(end => join(folder, `${name}.${end}`))
  for (const [at, text] of [cert, key, ca].entries()) {
    await writeFile(`${paths[at]}.new`, text)
    await rename(`${paths[at]}.new`, paths[at]!)
  }
  return ['', 'peer-'].flatMap(prefix => [
    ...[`--${prefix}cert-file`, paths[0]!, `--${prefix}key-file`, paths[1]!],
    ...[`--${prefix}trusted-ca-file`, paths[2]!, `--${prefix}client-cert-auth`],
  ])
}

t.test('a proxy shows who it is, and shows its new certificate when it has one', async t => {
  const folder = await ownFolder(t)
  const [n1, front] = ['n1', 'front'].map(
    name => new Place(name, folder, { client: 'https', peer: 'https' }),
  ) as [Place, Place]
  const alice = testCertificate('alice')
  for (const place of [n1, front]) place.tls = { ca: alice.ca, cert: alice.cert, key: alice.key }
  const crl = join(folder, 'crl.pem')
  await writeFile(crl, testRevocationList([]))
  const certificate = testCertificate('n1', { hosts: [n1.address] })
  const member = n1.start(t, [...(await write(folder, 'n1', certificate)), '--client-crl-file', crl])
  await member.says('published')
  const old = testCertificate('front', { hosts: [front.address] })
  const flags = ['--proxy', 'on', '--initial-cluster', n1.entry, '--proxy-failure-wait', '100']
  const proxy = front.start(t, [...flags, ...(await write(folder, 'front', old))])
  await proxy.says('httpproxy: endpoints found')
  t.equal(await front.set('/a', '1'), 201)

  await writeFile(crl, testRevocationList([old]))
  await until('that the member hears of it', () => /n1\.pem has changed/.test(member.log) || undefined)
  await proxy.kill()
  const again = front.start(t, [...flags, ...(await write(folder, 'front', old))])
  await again.says('httpproxy: endpoints found')
  t.equal((await front.ask('GET', '/v2/keys/a')).status, 502, 'it is refused')
  await write(folder, 'front', testCertificate('front', { hosts: [front.address] }))
  const status = async () =>
    (await front.ask('GET', '/v2/keys/a').catch(() => ({ status: 0 }))).status === 200
  await until('that it shows the new one', async () => (await status()) || undefined)
  await again.says('front.pem has changed and is used from now on')
})
