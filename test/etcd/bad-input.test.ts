// What members meet that does not belong to them: one line that says what to do, and status 1.

import { mkdir, open, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ClientError, request } from '#lib/http/host/client.ts'
import { ownFolder, Place, type Program } from './lib/program.ts'

async function ends(t: Test, program: Program, line: RegExp): Promise<void> {
  t.equal(await program.ended(), 1)
  t.match(program.log.trim().split('\n').at(-1), line)
  t.notMatch(program.log, /\n\s+at /, 'no stack')
}

t.test('other clusters, other versions, and who is no member', async t => {
  const folder = await ownFolder(t)
  const [n1, n2] = [new Place('n1', folder), new Place('n2', folder)]
  const p1 = n1.start(t, [])
  await p1.says('published')
  const flags = ['--initial-cluster', `${n1.entry},${n2.entry}`]
  await ends(
    t,
    n2.start(t, flags),
    /cluster ID mismatch: the member at http:.*:2380 is of cluster \w+, and the flags found cluster \w+; all founders need the same --initial-cluster /,
  )
  t.notOk((await readdir(n2.folder)).includes('member'), 'nothing was founded')
  await ends(
    t,
    n2.start(t, [...flags, '--initial-cluster-state', 'existing']),
    /error validating peerURLs .*: member count is unequal; .*etcdctl member add n2/,
  )

  const [self] = await n1.members()
  const clusterId = (await request({ url: `${n1.peerUrl}/members` })).headers['x-etcd-cluster-id'] as string
  const greet = async (change: Record<string, string>) => {
    const headers = { 'X-Server-From': 'abc', 'X-Raft-To': self!.id, 'X-Etcd-Cluster-ID': clusterId }
    const upgrade = { Connection: 'Upgrade', Upgrade: 'orlop-raft/1', 'X-Server-Version': '9.9.9' }
    const url = `${n1.peerUrl}/orlop/raft/stream`
    const { status, body } = await request({ url, headers: { ...headers, ...upgrade, ...change } })
    return `${status} ${body.toString()}`
  }
  t.match(
    await greet({ 'X-Etcd-Cluster-ID': 'c0ffee' }),
    /^412 cluster ID mismatch: member abc is of cluster c0ffee, this one of /,
  )
  t.match(
    await greet({ Upgrade: 'orlop-raft/9' }),
    /^426 member abc of version 9\.9\.9 speaks orlop-raft\/9, this one orlop-raft\/1: run the same version/,
  )
  t.match(await greet({ 'X-Raft-To': 'def' }), /^412 member abc looks for member def, this one is /)
  await p1.says('run the same version on all members')
  await p1.says('cluster ID mismatch')
  t.equal(await n1.set('/a', '1'), 201, 'it goes on')
  await t.rejects(request({ url: n1.clientUrl.replace('http', 'https') }), ClientError)
})

t.test('data directories that are none of ours, or damaged', async t => {
  const folder = await ownFolder(t)
  const theirs = new Place('theirs', folder)
  await mkdir(join(theirs.folder, 'member/snap'), { recursive: true })
  await writeFile(join(theirs.folder, 'member/snap/db'), '')
  await ends(
    t,
    theirs.start(t, []),
    /was written by another etcd, whose files this one does not read; copy its keys/,
  )

  const place = new Place('n1', folder)
  const first = place.start(t, [])
  await first.says('published')
  for (let at = 0; at < 5; at++) await place.set(`/${at}`, 'x'.repeat(100))
  await first.kill()
  const wal = join(place.folder, 'member/wal')
  const [segment] = (await readdir(wal)).filter(name => name.endsWith('.wal')).toSorted()
  const file = await open(join(wal, segment!), 'r+')
  await file.write('?', 200)
  await file.close()
  await ends(
    t,
    place.start(t, []),
    /cannot open the data of .*\.wal.*\d+.*; the disk has damaged it: move .* away and start with --rejoin, or restore a backup/,
  )
  await mkdir(join(place.folder, 'proxy'))
  await writeFile(join(place.folder, 'proxy/cluster'), '{"PeerURLs":[]}')
  await ends(
    t,
    place.start(t, []),
    /invalid datadir\. Both member and proxy directories exist\.; remove .*\/proxy if it is a member/,
  )
})
