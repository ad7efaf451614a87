import t from 'tap'
import { replaceTable } from '../report.ts'
import { CASE_IDS, goalOf, LOAD_CASES, QUICK_IDS, RESULT_IDS, selectCases } from './cases.ts'
import { formatResults, missedGoals } from './report.ts'
import { type EtcdResults, mergeResults, quantile, resultOf, turnsOf } from './results.ts'
import { parseLoad } from './wrk.ts'

const LINE =
  'load requests=50000 duration_us=2000000 p50_us=2190 p99_us=9150 max_us=41000 status=0 connect=0 read=0 write=0 timeout=0'

const results: EtcdResults = {
  cases: [
    resultOf('put-1-64', 'req/s', { ours: [30_000, 10_000, 20_000], theirs: [25_000, 25_000, 25_000] }),
    resultOf('put-1-64-p50', 'ms', { ours: [2], theirs: [2.5] }),
    resultOf('put-1-64-p99', 'ms', { ours: [9], theirs: [10] }),
    resultOf('failover', 'ms', { ours: [1_200], theirs: [1_900] }),
  ],
  fsync: { p50Ms: 0.1, p99Ms: 0.2, maxMs: 1 },
  rounds: 3,
  seconds: 3,
  versions: { ours: 'ours 1', theirs: 'theirs 1' },
  repeated: { ours: 0, theirs: 0 },
  machine: {
    cpu: 'A processor',
    cores: 2,
    memoryMiB: 8000,
    kernel: '6.12.1',
    accelerator: 'none',
    node: '24.0.0',
    loadBefore: 0.1,
  },
}

t.test('what wrk prints is read, or refused', t => {
  t.same(parseLoad(`Running 2s test\n${LINE}\nTransfer/sec: 1\n`), {
    requestsPerSecond: 25_000,
    p50Ms: 2.19,
    p99Ms: 9.15,
    maxMs: 41,
    errors: 0,
  })
  t.equal(parseLoad(LINE.replace('status=0', 'status=3').replace('timeout=0', 'timeout=4')).errors, 7)
  t.throws(() => parseLoad('unable to connect to 127.0.0.1:1 Connection refused'), /said nothing .*refused/)
  t.throws(() => parseLoad(''), /said nothing/)
  t.throws(() => parseLoad(LINE.replace('p99_us=9150', 'p99_us=nan')), /no p99_us/)
  t.throws(() => parseLoad(LINE.replace(' timeout=0', '')), /no timeout/)
  t.throws(() => parseLoad(LINE.replace('duration_us=2000000', 'duration_us=0')), /no time/)
  t.end()
})

t.test('cases have names that are their own, and are chosen by them', t => {
  t.equal(new Set(CASE_IDS).size, CASE_IDS.length)
  t.same(
    QUICK_IDS.filter(id => !CASE_IDS.includes(id)),
    [],
  )
  for (const id of CASE_IDS.filter(id => goalOf(id) !== undefined)) t.ok(QUICK_IDS.includes(id), id)
  t.equal(new Set(RESULT_IDS).size, RESULT_IDS.length)
  t.equal(selectCases([]).size, CASE_IDS.length)
  t.same([...selectCases(['put-1'])], ['put-1-1', 'put-1-64', 'put-1-256'])
  t.same([...selectCases(['watch', 'memory'])], ['watch-1-1000', 'watch-1-10000', 'memory'])
  t.same([...selectCases(['put-3-64', 'put-3-64'])], ['put-3-64'])
  t.throws(() => selectCases(['put-1', 'put-2']), /no case is named put-2/)
  t.throws(() => selectCases(['']), /no case/)
  t.match(
    LOAD_CASES.find(({ id }) => id === 'put-follower-3-64'),
    { operation: 'put', nodes: 3, target: 'follower', connections: 64 },
  )
  t.end()
})

t.test('goals are set where the comparison is decided', t => {
  t.match(goalOf('put-1-64'), { of: 'ratio', bound: 'min', limit: 1 })
  t.match(goalOf('get-3-64-p99'), { of: 'ratio', bound: 'max', limit: 1 })
  t.match(goalOf('memory'), { of: 'ratio', bound: 'max', limit: 1.5 })
  t.match(goalOf('failover-max'), { of: 'value', bound: 'max', limit: 2000 })
  for (const id of ['put-1-1', 'put-1-64-p50', 'qget-1-64', 'memory-restarted', 'restart', 'x'])
    t.equal(goalOf(id), undefined, id)
  for (const id of RESULT_IDS.filter(id => goalOf(id) !== undefined)) t.notMatch(id, /-(1|256)(-p99)?$/, id)
  t.end()
})

t.test('both come in turns, each first as often', t => {
  const words = turnsOf(3).map(({ side, round }) => `${side} ${round}`)
  t.same(words, ['ours 0', 'theirs 0', 'theirs 1', 'ours 1', 'ours 2', 'theirs 2'])
  t.same(turnsOf(0), [])
  t.end()
})

t.test('a result is the median of its rounds, beside its goal', t => {
  t.match(results.cases[0], { ours: 20_000, theirs: 25_000, ratio: 0.8, reached: false })
  t.match(resultOf('put-1-64', 'req/s', { ours: [25], theirs: [25] }), { ratio: 1, reached: true })
  t.match(resultOf('failover', 'ms', { ours: [2_001], theirs: [9_000] }), { reached: false })
  t.match(
    resultOf('failover-max', 'ms', { ours: [1, 5, 2], theirs: [1] }, list => Math.max(...list)),
    { ours: 5 },
  )
  t.notOk('reached' in resultOf('restart', 'ms', { ours: [1], theirs: [0] }))
  t.throws(() => resultOf('restart', 'ms', { ours: [], theirs: [1] }), RangeError)
  t.equal(quantile([5, 1, 4, 2, 3], 0.5), 3)
  t.equal(quantile([1, 2, 3], 1), 3)
  t.throws(() => quantile([], 0.5), RangeError)
  t.end()
})

t.test('the tables say what was measured, and what misses its goal', t => {
  const text = formatResults(results)
  t.match(
    text,
    '| PUT | 1 | 64 | 20000 | 25000 | 0.80 | 2.00, 9.00 | 2.50, 10.00 | 0.90 | ≥ 1 **missed**; p99 ≤ 1 reached |',
  )
  t.match(
    text,
    '| leader killed, until the first write, median | 1200 ms | 1900 ms | 0.63 | ≤ 2000 ms reached |',
  )
  t.match(text, 'No request failed.')
  t.notMatch(text, /undefined|NaN/)
  t.notMatch(text, 'GET', 'what was not measured is left out')
  t.match(formatResults({ ...results, repeated: { ours: 1, theirs: 2 } }), 'failed requests: 3')
  t.same(missedGoals(results), ['put-1-64: 20000 req/s, ratio 0.80'])
  for (const id of RESULT_IDS.filter(id => !/^(put|get|qget)-/.test(id)))
    t.match(
      formatResults({ ...results, cases: [resultOf(id, 'ms', { ours: [1], theirs: [1] })] }),
      '| 1.00 |',
      id,
    )
  t.end()
})

t.test('what is left out keeps its value, on the same machine against the same rival only', t => {
  const now = { ...results, cases: [resultOf('get-1-64', 'req/s', { ours: [2], theirs: [1] })] }
  t.same(
    mergeResults(results, now).cases.map(({ id }) => id),
    ['put-1-64', 'put-1-64-p50', 'put-1-64-p99', 'get-1-64', 'failover'],
  )
  const again = { ...results, cases: [resultOf('failover', 'ms', { ours: [7], theirs: [7] })] }
  t.match(mergeResults(results, again).cases.at(-1), { id: 'failover', ours: 7 })
  t.equal(mergeResults({ ...results, machine: { ...results.machine, cores: 64 } }, now).cases.length, 1)
  t.equal(mergeResults({ ...results, versions: { ours: '', theirs: 'other' } }, now).cases.length, 1)
  t.equal(mergeResults(undefined, now).cases.length, 1)
  t.end()
})

t.test('each bench has a section of its own on the page', t => {
  const page =
    'a\n<!-- bench:image -->\n1\n<!-- /bench:image -->\n<!-- bench:etcd -->\n2\n<!-- /bench:etcd -->\n'
  t.equal(replaceTable(page, 'new', 'etcd'), page.replace('\n2\n', '\n\nnew\n\n'))
  t.throws(() => replaceTable(page, 'new', 'fleet'), /lacks <!-- bench:fleet -->/)
  t.end()
})
