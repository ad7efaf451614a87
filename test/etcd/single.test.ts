// One real process: what it says, answers, keeps and ends with.

import { cp, rm } from 'node:fs/promises'
import t from 'tap'
import { ownFolder, Place, Program } from './lib/program.ts'

const ETCD = 'daemons/etcd/main.ts'

t.test('a life, a kill, and a life after it', async t => {
  const place = new Place('n1', await ownFolder(t))
  const first = place.start(t, [])
  await first.says('enabled capabilities for version')
  await first.says('published')
  t.equal(await place.set('/a', '1'), 201)
  await first.kill()
  const second = place.start(t, [])
  await second.says('published')
  t.equal(await place.get('/a'), '1', 'what was acknowledged is there')
  const third = place.start(t, [])
  t.equal(await third.ended(), 1)
  t.match(third.log, /C \| etcdmain: .*is in use by process \d+/)
  second.signal('SIGHUP')
  t.equal(await place.get('/a'), '1', 'a terminal that goes away ends nothing')
  second.signal('SIGTERM')
  t.equal(await second.ended(), 'SIGTERM')
  const fourth = place.start(t, ['--force-new-cluster'])
  await fourth.says('published')
  t.equal(await place.get('/a'), '1')
  fourth.signal('SIGINT')
  t.equal(await fourth.ended(), 'SIGINT')
})

t.test('what is refused, in one line', async t => {
  const folder = await ownFolder(t)
  const place = new Place('n1', folder)
  const runs: [args: string[], status: number, line: RegExp][] = [
    [['--nope'], 2, /^flag provided but not defined: -nope\n/],
    [['--config-file', `${folder}/none`], 1, /open .*none: no such file or directory/],
    [[...place.flags, '--initial-cluster', 'other=http://127.0.0.1:1'], 1, /couldn't find local name "n1"/],
    [[...place.flags, '--force-new-cluster'], 1, /needs the data of a member/],
    [
      [
        ...place.flags,
        '--initial-cluster',
        `${place.entry},n2=http://127.0.0.1:1`,
        '--initial-cluster-state',
        'existing',
      ],
      1,
      /cannot fetch cluster info from peer urls/,
    ],
  ]
  for (const [args, status, line] of runs) {
    const run = new Program(t, ETCD, args)
    t.equal(await run.ended(), status, args.join(' '))
    t.match(run.log, line)
    t.notMatch(run.log, /\n\s+at /, 'no stack')
  }
  const version = new Program(t, ETCD, ['--version'])
  t.equal(await version.ended(), 0)
  t.match(version.out, /^etcd Version: 3\.4\.23\nGit SHA: .*\nGo Version: .*\nGo OS\/Arch: linux\/amd64\n$/)
})

t.test('the data directory of another cluster', async t => {
  const folder = await ownFolder(t)
  const [ours, theirs] = [new Place('n1', folder), new Place('n2', folder)]
  const other = theirs.start(t, [])
  await other.says('published')
  const first = ours.start(t, [])
  await first.says('published')
  await first.kill()
  await cp(ours.folder, `${ours.folder}-copy`, { recursive: true })
  const wrong = ours.start(t, ['--initial-cluster', `${ours.entry},${theirs.entry}`])
  t.equal(await wrong.ended(), 1)
  t.match(
    wrong.log,
    /the data directory .* is that of member \w+ of cluster \w+, but the member at .* is of cluster/,
  )
  await rm(`${ours.folder}-copy`, { recursive: true })
})
