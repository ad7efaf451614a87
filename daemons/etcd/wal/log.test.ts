// What an operator's day brings: appends, starts, segments, snapshots, a full disk, a failing one.

import t from 'tap'
import type { DiskError } from '../member/env.ts'
import { APPEND_BYTES_MAX, type Log, WAITING_APPENDS_MAX } from './log.ts'
import { createLog, hasLog, NO_MARK, readLog } from './open.ts'
import {
  append,
  entry,
  FOLDER,
  finish,
  hardState,
  IDENTITY,
  newLog,
  reopen,
  SMALL,
  summary,
} from './testing/harness.ts'
import { MemoryDisk } from './testing/memory-disk.ts'

t.test('what was appended is there after a start, also over many segments', t => {
  const { disk, log } = newLog()
  for (let index = 1; index <= 200; index++)
    append(disk, log, index % 10 === 0 ? hardState(2, index) : undefined, [entry(index, 2, index % 90)])
  t.ok(log.segments.length > 3, `${log.segments.length} segments`)
  const { error, value } = reopen(disk.clone())
  t.equal(error, undefined)
  t.same(value.identity, IDENTITY)
  t.same(value.hardState, hardState(2, 200))
  t.same(
    summary(value.entries),
    summary(Array.from({ length: 200 }, (_, at) => entry(at + 1, 2, (at + 1) % 90))),
  )
  t.equal(value.repaired, undefined)
  // And it can be written to.
  const again = disk.clone()
  const second = reopen(again).value
  append(again, second.log, hardState(3, 201, ''), [entry(201, 3)])
  const third = reopen(again.clone()).value
  t.equal(third.entries.length, 201)
  t.same(third.hardState, hardState(3, 201, ''))
  t.end()
})

t.test('what a killed process has left in the page cache only is durable once it was read', t => {
  const { disk, log } = newLog()
  append(disk, log, hardState(1, 1), [entry(1)])
  // It is written, and the process ends before the sync.
  log.append(undefined, [entry(2)], () => undefined)
  disk.step()
  const [segment] = disk.paths().filter(path => path.endsWith('.wal'))
  t.not(disk.dirtySectors(segment!).length, 0)
  disk.fault = call => (call.startsWith('write') ? { code: 'EIO', message: 'no more writes' } : undefined)
  const { error, value } = reopen(disk)
  t.equal(error, undefined)
  t.equal(value.entries.length, 2)
  const lost = disk.crash(
    () => false,
    () => false,
  )
  t.equal(reopen(lost).value.entries.length, 2)
  t.end()
})

t.test('appends that arrive during a sync share the next one', t => {
  const { disk, log } = newLog({ segmentBytesFirst: 1024 * 1024 })
  const before = disk.counts.get('sync') ?? 0
  const answered: number[] = []
  for (let index = 1; index <= 100; index++)
    t.equal(
      log.append(undefined, [entry(index)], error => {
        t.equal(error, undefined)
        answered.push(index)
      }),
      undefined,
    )
  t.same(answered, [], 'nothing is answered at once')
  disk.run()
  t.same(
    answered,
    Array.from({ length: 100 }, (_, at) => at + 1),
    'in order',
  )
  t.equal((disk.counts.get('sync') ?? 0) - before, 2, 'the first alone, all others together')
  t.equal(reopen(disk.clone()).value.entries.length, 100)
  t.end()
})

t.test('later entries replace those that contradict them', t => {
  const { disk, log } = newLog()
  append(disk, log, hardState(1, 0), [entry(1), entry(2), entry(3), entry(4)])
  append(disk, log, hardState(2, 2), [entry(3, 2)])
  const { value } = reopen(disk.clone())
  t.same(summary(value.entries), summary([entry(1), entry(2), entry(3, 2)]))
  t.end()
})

t.test('a hard state that need not be durable goes along', t => {
  const { disk, log } = newLog()
  append(disk, log, hardState(1, 0), [entry(1), entry(2)])
  log.remember(hardState(1, 1))
  disk.run()
  t.same(reopen(disk.clone()).value.hardState, hardState(1, 0))
  append(disk, log, undefined, [entry(3)])
  t.same(reopen(disk.clone()).value.hardState, hardState(1, 1))
  append(disk, log, undefined, [])
  t.equal(reopen(disk.clone()).value.entries.length, 3, 'an empty append is one')
  t.end()
})

t.test('starting from a snapshot', t => {
  const { disk, log } = newLog()
  for (let index = 1; index <= 150; index++) append(disk, log, hardState(1, index), [entry(index, 1, 60)])
  t.equal(finish<void>(disk, done => log.mark({ term: 1, index: 100 }, done)).error, undefined)
  for (let index = 151; index <= 200; index++) append(disk, log, hardState(1, index), [entry(index, 1, 60)])
  const before = log.segments.length
  t.equal(finish<void>(disk, done => log.release(100, done)).error, undefined)
  t.ok(log.segments.length < before, `${before} segments, then ${log.segments.length}`)
  const after = reopen(disk.clone(), { term: 1, index: 100 })
  t.equal(after.error, undefined)
  t.same(
    after.value.entries.map(({ index }) => index),
    Array.from({ length: 100 }, (_, at) => at + 101),
  )
  t.equal(reopen(disk.clone()).error?.code, 'EMARK', 'without the snapshot there is a gap')
  t.equal(reopen(disk.clone(), { term: 2, index: 100 }).error?.code, 'EMARK', 'one of another term')
  t.equal(reopen(disk.clone(), { term: 1, index: 300 }).error?.code, 'EMARK', 'one from elsewhere')
  t.equal(
    reopen(disk.clone(), { term: 1, index: 190 }).error,
    undefined,
    'its own one, not marked before a crash',
  )
  // One that the leader sent, far ahead of what is here.
  t.equal(finish<void>(disk, done => log.mark({ term: 5, index: 1000 }, done)).error, undefined)
  append(disk, log, hardState(5, 1001), [entry(1001, 5)])
  const far = reopen(disk.clone(), { term: 5, index: 1000 })
  t.same(summary(far.value.entries), summary([entry(1001, 5)]))
  t.end()
})

t.test('a new log is made once', t => {
  const { disk, log } = newLog()
  t.same(finish<boolean>(disk, done => hasLog(disk, FOLDER, done)).value, true)
  t.same(finish<boolean>(new MemoryDisk(), done => done(undefined, false)).value, false)
  const second = finish<Log>(disk, done => createLog(disk, FOLDER, IDENTITY, SMALL, done))
  t.equal(second.error?.code, 'EEXIST')
  const empty = new MemoryDisk()
  t.same(finish<boolean>(empty, done => hasLog(empty, FOLDER, done)).value, false)
  t.equal(reopen(empty).error?.code, 'ENOENT')
  t.equal(finish<void>(disk, done => log.close(done)).error, undefined)
  t.equal(log.append(undefined, [entry(1)], () => t.fail())?.code, 'ECLOSED')
  t.end()
})

t.test('closing waits for what was appended', t => {
  const { disk, log } = newLog()
  let answered = 0
  for (let index = 1; index <= 5; index++) log.append(undefined, [entry(index)], () => answered++)
  t.equal(finish<void>(disk, done => log.close(done)).error, undefined)
  t.equal(answered, 5)
  t.equal(reopen(disk.clone()).value.entries.length, 5)
  t.end()
})

t.test('a full disk', t => {
  const spaces: boolean[] = []
  const { disk, log } = newLog({ ...SMALL, onSpace: isLow => spaces.push(isLow) })
  let used = 0
  for (const path of disk.paths()) used += disk.get(path)!.length
  disk.capacity = used
  let index = 0
  let refused: DiskError | undefined
  while (refused === undefined) {
    index += 1
    let answer: DiskError | undefined
    refused = log.append(hardState(1, index - 1), [entry(index, 1, 100)], error => {
      answer = error
    })
    disk.run()
    refused ??= answer
    if (log.isLow) t.ok(index > 1, 'low before nothing fits')
  }
  t.equal(refused.code, 'ENOSPC')
  t.same(spaces, [true])
  t.equal(log.failure, undefined)
  t.equal(reopen(disk.clone()).value.entries.length, index - 1, 'all that was acknowledged is there')
  t.equal(log.append(undefined, [entry(index, 1, 100)], () => t.fail())?.code, 'ENOSPC', 'again')
  log.retrySpace()
  disk.run()
  t.equal(log.isLow, true, 'still')
  disk.capacity = 1e6
  log.retrySpace()
  disk.run()
  t.same(spaces, [true, false])
  for (; index < 100; index++) append(disk, log, hardState(1, index), [entry(index, 1, 100)])
  t.equal(reopen(disk.clone()).value.entries.length, 99)
  t.end()
})

t.test('an append that waits for room gets ENOSPC, and may come again', t => {
  const { disk, log } = newLog()
  disk.capacity = 4096
  let outcome: DiskError | undefined
  t.equal(
    log.append(hardState(1, 0), [entry(1, 1, 10_000)], error => {
      outcome = error
    }),
    undefined,
  )
  disk.run()
  t.equal(outcome?.code, 'ENOSPC')
  disk.capacity = 1e6
  log.retrySpace()
  disk.run()
  append(disk, log, hardState(1, 0), [entry(1, 1, 10_000)])
  t.equal(reopen(disk.clone()).value.entries[0]?.data.length, 10_000)
  t.end()
})

t.test('an append longer than any segment', t => {
  const { disk, log } = newLog()
  append(disk, log, hardState(1, 0), [entry(1, 1, 50_000)])
  append(disk, log, hardState(1, 1), [entry(2, 1, 5000)])
  const { value } = reopen(disk.clone())
  t.same(
    value.entries.map(({ data }) => data.length),
    [50_000, 5000],
  )
  t.end()
})

t.test('bounds', t => {
  const { disk, log } = newLog({})
  const large = { ...entry(1), data: new Uint8Array(APPEND_BYTES_MAX) }
  t.equal(log.append(undefined, [large], () => t.fail())?.code, 'EFBIG')
  let taken = 0
  while (log.append(undefined, [], () => undefined) === undefined) taken += 1
  t.equal(taken, WAITING_APPENDS_MAX + 1, 'one is under way')
  t.equal(log.append(undefined, [], () => t.fail())?.code, 'EAGAIN')
  disk.run()
  t.equal(
    log.append(undefined, [], () => undefined),
    undefined,
  )
  t.end()
})

t.test('every call may fail, and then the log is dead', t => {
  for (const word of ['write', 'sync', 'rename', 'syncFolder', 'open']) {
    for (let time = 1; time <= 4; time++) {
      const { disk, log } = newLog()
      let calls = 0
      disk.fault = call => {
        if (!call.startsWith(word)) return undefined
        calls += 1
        return calls === time ? { code: 'EIO', message: 'planned' } : undefined
      }
      const acknowledged: number[] = []
      let failed = 0
      let index = 0
      while (log.failure === undefined && index < 400) {
        index += 1
        const mine = index
        const refusal = log.append(undefined, [entry(index, 1, 50)], error => {
          if (error === undefined) acknowledged.push(mine)
          else failed += 1
        })
        if (refusal !== undefined) break
        if (index % 3 === 0) disk.run()
      }
      const name = `${word} ${time}`
      t.equal(log.failure?.code, 'EIO', name)
      t.equal(acknowledged.length + failed, index, `${name}: all were answered`)
      t.equal(log.append(undefined, [entry(1)], () => t.fail())?.code, 'EIO', name)
      const { error, value } = reopen(
        disk.crash(
          () => false,
          () => false,
        ),
      )
      t.equal(error, undefined, name)
      t.ok(value.entries.length >= acknowledged.length, name)
    }
  }
  t.end()
})

t.test('a log that cannot be made or read says why', t => {
  for (const word of ['makeFolder', 'list', 'open', 'write', 'sync', 'rename', 'syncFolder']) {
    const disk = new MemoryDisk()
    disk.fault = call => (call.startsWith(word) ? { code: 'EIO', message: 'planned' } : undefined)
    t.equal(
      finish<Log>(disk, done => createLog(disk, FOLDER, IDENTITY, SMALL, done)).error?.code,
      'EIO',
      word,
    )
  }
  const { disk, log } = newLog()
  append(disk, log, undefined, [entry(1)])
  for (const word of ['list', 'open', 'size', 'read']) {
    const copy = disk.clone()
    copy.fault = call => (call.startsWith(word) ? { code: 'EIO', message: 'planned' } : undefined)
    t.equal(reopen(copy).error?.code, 'EIO', word)
  }
  t.end()
})

t.test('reading for a backup changes nothing', t => {
  const { disk, log } = newLog()
  append(disk, log, hardState(1, 1), [entry(1), entry(2)])
  log.append(undefined, [entry(3, 1, 2000)], () => undefined)
  disk.step()
  const torn = disk.crash(
    (_, sector) => sector % 2 === 0,
    () => true,
  )
  const bytes = torn.paths().map(path => Buffer.from(torn.get(path)!))
  const { error, value } = finish<{ entries: unknown[]; torn: unknown }>(torn, done =>
    readLog(torn, FOLDER, NO_MARK, done),
  )
  t.equal(error, undefined)
  t.equal(value.entries.length, 2)
  t.ok(value.torn)
  for (const [at, path] of torn.paths().entries()) t.same(Buffer.from(torn.get(path)!), bytes[at])
  t.end()
})
