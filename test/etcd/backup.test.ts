// A backup is made while the server works, and a cluster begins from it that others can join.

import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { backUpData } from '../../daemons/etcd/client.ts'
import { ownFolder, Place, until } from './lib/program.ts'

const KEYS = 1000

t.test('a copy of a member that works, and a new cluster from it', async t => {
  const folder = await ownFolder(t)
  const place = new Place('n1', folder)
  const first = place.start(t, ['--snapshot-count', '300', '--max-snapshots', '2'])
  await first.says('published')
  for (let at = 0; at < KEYS; at += 50)
    await Promise.all(Array.from({ length: 50 }, (_, more) => place.set(`/k/${at + more}`, `v${at + more}`)))
  const backup = join(folder, 'backup')
  const plan = { dataDir: place.folder, walDir: '', backupDir: backup, backupWalDir: '' }
  // Writes go on, segments and snapshots come and go.
  let isOver = false
  const writes = (async () => {
    for (let at = 0; !isOver; at++) await Promise.all(['/busy', '/busy2'].map(key => place.set(key, `${at}`)))
  })()
  const notes: string[] = []
  const report = await backUpData(plan, line => notes.push(line))
  isOver = true
  await writes
  t.ok(report.index >= KEYS)
  await t.rejects(
    backUpData(plan, () => {}),
    /backup.member is there already: give another --backup-dir/,
  )
  const last = await place.get('/busy')
  t.equal((await place.ask('DELETE', '/v2/keys/k?recursive=true')).status, 200)
  await first.kill()
  const stopped = await backUpData({ ...plan, backupDir: join(folder, 'stopped') }, () => {})
  t.ok(stopped.index > report.index)

  const other = new Place('n2', folder)
  const flags = ['--data-dir', backup, '--force-new-cluster']
  const restored = other.start(t, flags)
  await restored.says('published')
  for (const at of [0, 1, KEYS / 2, KEYS - 1]) t.equal(await other.get(`/k/${at}`), `v${at}`)
  const { body } = await other.ask('GET', '/v2/keys/k')
  t.equal((JSON.parse(body) as { node: { nodes: unknown[] } }).node.nodes.length, KEYS)
  t.ok(Number(await other.get('/busy')) <= Number(last))
  const [self, ...more] = await other.members()
  t.same(more, [])
  t.match(self, { id: report.member, name: 'n2' })
  await until(
    'its address',
    async () => (await other.members())[0]!.peerURLs[0] === other.peerUrl || undefined,
  )

  const third = new Place('n3', folder)
  const added = await other.ask('POST', '/v2/members', JSON.stringify({ peerURLs: [third.peerUrl] }))
  t.equal(added.status, 201, added.body)
  const cluster = `${other.entry},${third.entry}`
  const joined = third.start(t, ['--initial-cluster', cluster, '--initial-cluster-state', 'existing'])
  await joined.says('published')
  t.equal(await third.get('/k/7'), 'v7')
})

t.test('a log apart, and what cannot be copied', async t => {
  const folder = await ownFolder(t)
  const place = new Place('n1', folder)
  const walDir = join(folder, 'log')
  const first = place.start(t, ['--wal-dir', walDir])
  await first.says('published')
  await place.set('/a', '1')
  await first.kill()
  const plan = {
    dataDir: place.folder,
    walDir,
    backupDir: join(folder, 'b'),
    backupWalDir: join(folder, 'bw'),
  }
  await backUpData(plan, () => {})
  const other = new Place('n2', folder)
  const apart = ['--data-dir', plan.backupDir, '--wal-dir', plan.backupWalDir]
  const restored = other.start(t, [...apart, '--force-new-cluster'])
  await restored.says('published')
  t.equal(await other.get('/a'), '1')

  const into = (name: string) => ({ ...plan, backupDir: join(folder, name), backupWalDir: '' })
  await t.rejects(
    backUpData({ ...into('x'), dataDir: '/none', walDir: '' }, () => {}),
    {
      message: 'there is no log of a member in /none/member/wal',
    },
  )
  await mkdir(join(folder, 'file'))
  await writeFile(join(folder, 'file', 'member'), '')
  await t.rejects(
    backUpData(into('file'), () => {}),
    /cannot write the backup to .*member: ENOTDIR/,
  )
  t.same(await readdir(join(folder, 'file')), ['member'], 'nothing is half-written')
  const [segment] = (await readdir(walDir)).filter(file => file.endsWith('.wal'))
  const path = join(walDir, segment!)
  const bytes = await readFile(path)
  bytes[200]! ^= 1
  await writeFile(path, bytes)
  await t.rejects(
    backUpData(into('y'), () => {}),
    /^cannot read .*log: .*\.wal is corrupt at byte \d+/,
  )
})
