// Flags that change what a process does where nobody looks every day.

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect } from 'node:tls'
import t from 'tap'
import { testCertificate } from '#lib/testing/certificates.ts'
import { ownFolder, Place, Program, until } from './lib/program.ts'

t.test('profiles, levels, outputs and no syncs', async t => {
  const folder = await ownFolder(t)
  const place = new Place('n1', folder)
  const file = join(folder, 'log')
  const server = place.start(t, [
    ...['--enable-pprof', '--unsafe-no-fsync', '--max-wals', '3', '--log-outputs', `stderr,${file}`],
    ...['--log-package-levels', 'embed=ERROR'],
  ])
  await server.says('published')
  t.equal(await place.set('/a', '1'), 201)
  const metrics = await place.ask('GET', '/metrics')
  t.match(metrics.body, /etcd_disk_wal_fsync_duration_seconds_count 0\n/, 'nothing was synced')
  for (const line of ['--max-wals has no effect', 'nothing is synced to the disk', '--enable-pprof'])
    t.match(server.log, line)
  t.notMatch(server.log, '| embed: ', 'that part is told to be quiet')
  await until('the same in both', async () => (await readFile(file, 'utf8')) === server.log || undefined)

  const index = await place.ask('GET', '/debug/pprof/')
  t.match([index.status, index.body], [200, /profile\?seconds/])
  const profile = JSON.parse((await place.ask('GET', '/debug/pprof/profile?seconds=0.2')).body) as object
  t.match(Object.keys(profile), ['nodes', 'startTime', 'endTime', 'samples', 'timeDeltas'])
  const both = ['profile', 'heap'].map(kind => place.ask('GET', `/debug/pprof/${kind}?seconds=0.3`))
  t.same((await Promise.all(both)).map(({ status }) => status).toSorted(), [200, 500], 'one at a time')
  const heap = JSON.parse((await place.ask('GET', '/debug/pprof/heap?seconds=0.1')).body) as object
  t.match(Object.keys(heap), ['head', 'samples'])
  t.equal((await place.ask('GET', '/debug/pprof/profile?seconds=x')).status, 400)
  t.equal((await place.ask('GET', '/debug/pprof/goroutine')).status, 404)
  t.equal((await place.ask('PUT', '/debug/pprof/heap')).status, 405)
  await server.kill()
  const plain = place.start(t, [])
  await plain.says('published')
  t.equal((await place.ask('GET', '/debug/pprof/')).status, 404, 'off unless asked for')
  t.equal(await place.get('/a'), '1')
})

t.test('cipher suites', async t => {
  const folder = await ownFolder(t)
  const place = new Place('n1', folder, { client: 'https' })
  const { cert, key, ca } = testCertificate('server', { hosts: [place.address] })
  await writeFile(join(folder, 'cert'), cert)
  await writeFile(join(folder, 'key'), key)
  const server = place.start(t, [
    ...['--cert-file', join(folder, 'cert'), '--key-file', join(folder, 'key')],
    ...['--cipher-suites', 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'],
  ])
  await server.says('published')
  const speak = (ciphers: string, maxVersion: 'TLSv1.2' | 'TLSv1.3') =>
    new Promise<string>(done => {
      const socket = connect({ host: place.address, port: 2379, ca, ciphers, maxVersion }, () => {
        done(socket.getCipher().name)
        socket.destroy()
      }).on('error', () => done('refused'))
    })
  const other = 'ECDHE-ECDSA-AES128-GCM-SHA256'
  const given = 'ECDHE-ECDSA-AES256-GCM-SHA384'
  t.equal(await speak(`${other}:${given}`, 'TLSv1.2'), given)
  t.equal(await speak(other, 'TLSv1.2'), 'refused')
  t.match(await speak('TLS_AES_128_GCM_SHA256', 'TLSv1.3'), 'TLS_AES_128_GCM_SHA256', 'as ever')
})

t.test('a log that cannot be written', async t => {
  const folder = await ownFolder(t)
  const run = new Program(t, 'daemons/etcd/main.ts', [
    '--data-dir',
    folder,
    '--log-outputs',
    `${folder}/none/log`,
  ])
  t.equal(await run.ended(), 1)
  t.match(run.log, /^etcdmain: --log-outputs: ENOENT: [^\n]*\n$/)
})
