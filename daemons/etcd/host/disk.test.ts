// The real disk and the real lock, in a temporary folder.

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Answer, File } from '../member/env.ts'
import type { Log } from '../wal/log.ts'
import { createLog, NO_MARK, type Opened, openLog } from '../wal/open.ts'
import { entry, hardState, IDENTITY, SMALL, summary } from '../wal/testing/harness.ts'
import { nodeDisk } from './disk.ts'
import { acquireLock } from './lock.ts'

function ask<T = void>(call: (done: Answer<T>) => void): Promise<T> {
  return new Promise((resolve, reject) =>
    call((error, value) =>
      error === undefined ? resolve(value) : reject(Object.assign(new Error(), error)),
    ),
  )
}

function url(path: string): string {
  return JSON.stringify(new URL(path, import.meta.url).href)
}

t.test('every call', async t => {
  const folder = join(t.testdir({}), 'a/b')
  const synced: string[] = []
  const disk = nodeDisk({ onSync: path => synced.push(path) })
  await ask(done => disk.makeFolder(folder, done))
  await ask(done => disk.makeFolder(folder, done))
  t.equal(statSync(folder).mode & 0o777, 0o700)
  const path = join(folder, 'file')
  await t.rejects(
    ask<File>(done => disk.open(path, { create: false }, done)),
    { code: 'ENOENT' },
  )
  const file = await ask<File>(done => disk.open(path, { create: true }, done))
  await t.rejects(
    ask<File>(done => disk.open(path, { create: true }, done)),
    { code: 'EEXIST' },
  )
  t.equal(statSync(path).mode & 0o777, 0o600)
  await ask(done => file.write(3, [Buffer.from('ab')], done))
  const many = Array.from({ length: 3000 }, (_, at) => Buffer.from([at & 0xff]))
  await ask(done => file.write(5, many, done))
  await ask(done => file.write(0, [], done))
  await ask(done => file.sync(done))
  t.same(synced, [path])
  t.equal(await ask<number>(done => file.size(done)), 3005)
  t.same(await ask<Uint8Array>(done => file.read(0, 5, done)), Buffer.from('\0\0\0ab'))
  t.same(await ask<Uint8Array>(done => file.read(5, 9999, done)), Buffer.concat(many))
  await ask(done => file.truncate(10_000, done))
  t.same(await ask<Uint8Array>(done => file.read(9999, 2, done)), Buffer.from([0]))
  await ask(done => file.close(done))
  await ask(done => disk.rename(path, join(folder, 'other'), done))
  t.same(await ask<string[]>(done => disk.list(folder, done)), ['other'])
  await ask(done => disk.syncFolder(folder, done))
  await ask(done => disk.remove(join(folder, 'other'), done))
  await t.rejects(
    ask(done => disk.remove(join(folder, 'other'), done)),
    { code: 'ENOENT' },
  )
  await t.rejects(
    ask(done => disk.syncFolder(join(folder, 'none'), done)),
    { code: 'ENOENT' },
  )
  await t.rejects(
    ask<string[]>(done => disk.list(join(folder, 'none'), done)),
    { code: 'ENOENT' },
  )
})

t.test('short writes and long ones answer after the call, with what went wrong', async t => {
  const path = join(t.testdir({ file: '' }), 'file')
  const open = (isReadOnly: boolean) =>
    ask<File>(done => nodeDisk({ isReadOnly }).open(path, { create: false }, done))
  const file = await open(false)
  const locked = await open(true)
  for (const length of [1, 64 * 1024, 64 * 1024 + 1]) {
    let isAnswered = false
    const written = ask(done =>
      file.write(length, [Buffer.alloc(length, 7)], error => {
        isAnswered = true
        done(error)
      }),
    )
    t.equal(isAnswered, false, `${length} bytes`)
    await written
    t.same(await ask<Uint8Array>(done => file.read(length, length, done)), Buffer.alloc(length, 7))
    await t.rejects(
      ask(done => locked.write(0, [Buffer.alloc(length)], done)),
      { code: 'EBADF' },
    )
  }
  await ask(done => file.close(done))
  await ask(done => locked.close(done))
})

t.test('a log on it', async t => {
  const folder = join(t.testdir({}), 'member/wal')
  const disk = nodeDisk()
  const log = await ask<Log>(done => createLog(disk, folder, IDENTITY, SMALL, done))
  const answers: Promise<void>[] = []
  for (let index = 1; index <= 300; index++)
    answers.push(ask(done => log.append(hardState(1, index - 1), [entry(index)], done)))
  await Promise.all(answers)
  await ask(done => log.close(done))
  const opened = await ask<Opened>(done => openLog(disk, folder, NO_MARK, SMALL, done))
  t.same(summary(opened.entries), summary(Array.from({ length: 300 }, (_, at) => entry(at + 1))))
  t.same(opened.hardState, hardState(1, 299))
  await ask(done => opened.log.close(done))
})

t.test('a process that is killed at a failpoint has acknowledged nothing that is lost', async t => {
  const disk = nodeDisk()
  for (const failpoint of ['wal.beforeWrite', 'wal.beforeSync', 'wal.afterSync', 'wal.cut.beforeRename']) {
    const folder = join(t.testdir({}), failpoint)
    const script = `
      import { armFailpoints } from ${url('../../lib/host/failpoint.ts')}
      import { nodeDisk } from ${url('./disk.ts')}
      import { createLog } from ${url('../wal/open.ts')}
      import { entry, IDENTITY, SMALL } from ${url('../wal/testing/harness.ts')}
      import { writeSync } from 'node:fs'
      armFailpoints(process.env)
      createLog(nodeDisk(), ${JSON.stringify(folder)}, IDENTITY, SMALL, (error, log) => {
        const next = index => log.append(undefined, [entry(index)], () => { writeSync(1, index + ' '); next(index + 1) })
        next(1)
      })`
    const time = failpoint.startsWith('wal.cut') ? 2 : 60
    const { signal, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      env: { ORLOP_FAILPOINTS: `${failpoint}=${time}*kill` },
    })
    t.equal(signal, 'SIGKILL', `${failpoint}: ${stderr}`)
    const acknowledged = stdout.trim().split(' ').length
    const opened = await ask<Opened>(done => openLog(disk, folder, NO_MARK, SMALL, done))
    const there = opened.entries.length
    t.ok(
      acknowledged > 20 && there >= acknowledged && there <= acknowledged + 1,
      `${acknowledged}, ${there} there`,
    )
    await ask(done => opened.log.close(done))
  }
})

t.test('one process at a time', t => {
  const path = join(t.testdir({}), 'lock')
  const lock = acquireLock(path)
  t.throws(() => acquireLock(path), { message: new RegExp(`in use by process ${process.pid}`) })
  const module = new URL('./lock.ts', import.meta.url).href
  const script = `import(${JSON.stringify(module)}).then(m => m.acquireLock(${JSON.stringify(path)}))`
  const other = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' })
  t.not(other.status, 0, 'another process')
  t.match(other.stderr, /in use by process/)
  lock.release()
  t.notOk(existsSync(path))
  const dying = `${script}.then(() => process.kill(process.pid, 'SIGKILL'))`
  t.equal(spawnSync(process.execPath, ['-e', dying]).signal, 'SIGKILL')
  t.ok(existsSync(path), 'it left its lock')
  const taken = acquireLock(path)
  t.match(readFileSync(path, 'utf8'), `"pid":${process.pid},`)
  writeFileSync(path, '{"pid":1,"start":"of another boot","boot":"x"}')
  taken.release()
  t.ok(existsSync(path), 'what is not ours is left')
  acquireLock(path).release()
  for (const text of ['garbage', '', '{}', 'null']) {
    writeFileSync(path, text)
    acquireLock(path).release()
  }
  t.end()
})
