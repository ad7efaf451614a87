import t from 'tap'
import { Random } from '../sim/world/random.ts'
import { explain, shrink } from './explain.ts'
import { cutAt, type Model, type Operation } from './history.ts'
import { KEY_MODEL, type KeyInput, type KeyOutput } from './key.ts'
import { checkIndexOrder } from './order.ts'
import { QUEUE_MODEL, type QueueInput, type QueueOutput } from './queue.ts'
import { search } from './search.ts'
import { simulateKey } from './simulated.ts'

type Line<I, O> = [call: number, end: number, input: I, output?: O]

const LOST = Number.POSITIVE_INFINITY
const NO = { error: 100 }
const node = (value: string, index: number, created = index) => ({ value, index, created })
const told = (value: string, index: number, created = index): KeyOutput => ({
  node: node(value, index, created),
  previous: undefined,
})
const after = (value: string, index: number, before: KeyOutput): KeyOutput => ({
  node: node(value, index),
  previous: 'error' in before ? undefined : before.node,
})
const GET: KeyInput = { kind: 'get' }
const set = (value: string): KeyInput => ({ kind: 'set', value })
const cas = (value: string, prevValue: string, prevIndex = 0): KeyInput => ({
  kind: 'cas',
  value,
  prevValue,
  prevIndex,
})

function historyOf<I, O>(lines: readonly Line<I, O>[]): Operation<I, O>[] {
  return lines.map(([call, end, input, output], id) => ({ id, client: id, call, return: end, input, output }))
}

function verdict<S, I, O>(model: Model<S, I, O>, lines: readonly Line<I, O>[]): string {
  return search(model, historyOf(lines)).kind
}

const key = (...lines: Line<KeyInput, KeyOutput>[]) => verdict(KEY_MODEL, lines)
const queue = (...lines: Line<QueueInput, QueueOutput>[]) => verdict(QUEUE_MODEL, lines)

t.test('what one client does after the other', t => {
  t.equal(key(), 'accepted')
  t.equal(key([1, 2, GET, NO]), 'accepted')
  t.equal(key([1, 2, GET, told('a', 3)]), 'refused', 'nobody wrote it')
  t.equal(key([1, 2, set('a'), told('a', 3)], [3, 4, GET, told('a', 3)]), 'accepted')
  t.equal(key([1, 2, set('a'), told('a', 3)], [3, 4, GET, NO]), 'refused', 'lost')
  t.equal(key([1, 2, set('a'), told('a', 3)], [3, 4, GET, told('b', 3)]), 'refused', 'another value')
  t.equal(key([1, 2, set('a'), told('a', 3)], [3, 4, GET, told('a', 4)]), 'refused', 'another index')
  t.equal(key([1, 2, set('a'), told('b', 3)]), 'refused', 'the answer to another request')
  const b = after('b', 4, told('a', 3))
  t.equal(
    key([1, 2, set('a'), told('a', 3)], [3, 4, set('b'), b], [5, 6, GET, told('a', 3)]),
    'refused',
    'stale',
  )
  t.equal(
    key([1, 2, set('a'), told('a', 3)], [3, 4, set('b'), told('b', 4)]),
    'refused',
    'prevNode is missing',
  )
  t.equal(
    key([1, 2, set('a'), told('a', 3)], [3, 4, set('b'), after('b', 2, told('a', 3))]),
    'refused',
    'the index went back',
  )
  t.end()
})

t.test('conditions', t => {
  const a: Line<KeyInput, KeyOutput> = [1, 2, set('a'), told('a', 3)]
  const create: KeyInput = { kind: 'create', value: 'c' }
  t.equal(key(a, [3, 4, create, { error: 105 }]), 'accepted')
  t.equal(key(a, [3, 4, create, told('c', 5)]), 'refused')
  t.equal(key([3, 4, create, { error: 105 }]), 'refused')
  const b: KeyOutput = { node: node('b', 5, 3), previous: node('a', 3) }
  t.equal(key(a, [3, 4, cas('b', 'a'), b], [5, 6, GET, told('b', 5, 3)]), 'accepted')
  t.equal(key(a, [3, 4, cas('b', 'a'), b], [5, 6, GET, told('b', 5)]), 'refused', 'createdIndex stays')
  t.equal(key(a, [3, 4, cas('b', 'x'), b]), 'refused')
  t.equal(key(a, [3, 4, cas('b', 'x'), { error: 101 }]), 'accepted')
  t.equal(key(a, [3, 4, cas('b', 'a'), { error: 101 }]), 'refused')
  t.equal(key(a, [3, 4, cas('b', '', 3), b]), 'accepted')
  t.equal(key(a, [3, 4, cas('b', 'a', 2), b]), 'refused')
  t.equal(key([3, 4, cas('b', 'a'), NO]), 'accepted')
  const gone: KeyOutput = { node: node('a', 6, 3), previous: node('a', 3) }
  t.equal(key(a, [3, 4, { kind: 'delete' }, gone], [5, 6, GET, NO]), 'accepted')
  t.equal(key(a, [3, 4, { kind: 'delete' }, gone], [5, 6, GET, told('a', 3)]), 'refused')
  t.equal(key(a, [3, 4, { kind: 'cad', prevValue: 'x', prevIndex: 0 }, gone]), 'refused')
  const update: KeyInput = { kind: 'update', value: 'u' }
  t.equal(key(a, [3, 4, update, { node: node('u', 4, 3), previous: node('a', 3) }]), 'accepted')
  t.equal(key([3, 4, update, NO]), 'accepted')
  t.end()
})

t.test('operations at the same time may go either way, but one way for all', t => {
  const write: Line<KeyInput, KeyOutput> = [1, 10, set('a'), told('a', 3)]
  t.equal(key(write, [2, 3, GET, NO], [4, 5, GET, told('a', 3)]), 'accepted')
  t.equal(key(write, [2, 3, GET, told('a', 3)], [4, 5, GET, NO]), 'refused', 'read before and unread after')
  // Two registers of Herlihy and Wing's kind: both orders are seen.
  const two: Line<KeyInput, KeyOutput>[] = [
    [1, 10, set('a'), told('a', 3)],
    [1, 10, set('b'), after('b', 4, told('a', 3))],
  ]
  t.equal(key(...two, [2, 3, GET, told('a', 3)], [4, 5, GET, told('b', 4)]), 'accepted')
  t.equal(key(...two, [2, 3, GET, told('b', 4)], [4, 5, GET, told('a', 3)]), 'refused')
  t.end()
})

t.test('what had no answer happens later, or never, but not earlier and not twice', t => {
  const lost: Line<KeyInput, KeyOutput> = [5, LOST, set('a')]
  t.equal(key(lost, [6, 7, GET, NO]), 'accepted')
  t.equal(key(lost, [6, 7, GET, told('a', 3)]), 'accepted')
  t.equal(key(lost, [6, 7, GET, NO], [8, 9, GET, told('a', 3)]), 'accepted', 'long after')
  t.equal(key(lost, [6, 7, GET, told('a', 3)], [8, 9, GET, NO]), 'refused', 'happened and did not')
  t.equal(key(lost, [1, 2, GET, told('a', 3)]), 'refused', 'before it was called')
  t.equal(key(lost, [6, 7, GET, told('a', 3)], [8, 9, GET, told('a', 4)]), 'refused', 'twice')
  const b = after('b', 5, told('a', 3))
  t.equal(key(lost, [6, 7, set('b'), b], [8, 9, GET, told('a', 3)]), 'refused', 'before and after')
  t.equal(key(lost, [6, 7, cas('c', '', 3), { error: 101 }]), 'accepted', 'its index is anything')
  const c: KeyOutput = { node: node('c', 8, 3), previous: node('a', 3) }
  t.equal(key(lost, [6, 7, cas('c', '', 3), c], [8, 9, GET, told('c', 8, 3)]), 'accepted')
  t.equal(key(lost, [6, 7, cas('c', '', 4), c]), 'refused')
  t.end()
})

t.test('in-order keys', t => {
  const append = (value: string): QueueInput => ({ kind: 'append', value })
  const list: QueueInput = { kind: 'list' }
  const entry = (value: string, index: number) => ({ entry: { value, index } })
  const entries = (...all: [string, number][]) => ({
    entries: all.map(([value, index]) => ({ value, index })),
  })
  t.equal(queue([1, 2, append('a'), entry('a', 3)], [3, 4, list, entries(['a', 3])]), 'accepted')
  t.equal(queue([1, 2, append('a'), entry('a', 3)], [3, 4, list, entries()]), 'refused')
  t.equal(queue([1, 2, append('a'), entry('a', 3)], [3, 4, append('b'), entry('b', 2)]), 'refused')
  t.equal(queue([1, LOST, append('a')], [3, 4, list, entries()], [5, 6, list, entries(['a', 3])]), 'accepted')
  t.equal(
    queue([1, LOST, append('a')], [3, 4, list, entries(['a', 3])], [5, 6, list, entries(['a', 4])]),
    'refused',
  )
  t.equal(
    queue(
      [1, 5, append('a'), entry('a', 3)],
      [1, 5, append('b'), entry('b', 2)],
      [2, 3, list, entries(['a', 3])],
    ),
    'refused',
    'the higher number came first',
  )
  t.end()
})

t.test('histories of an atomic key are right, and wrong when one answer is another', t => {
  let refused = 0
  let mutated = 0
  for (let seed = 0; seed < 60; seed++) {
    const random = new Random(seed)
    const options = { clients: 2 + random.below(5), operations: 150, lostProbability: random.next() * 0.2 }
    const history = simulateKey(random, options)
    t.equal(search(KEY_MODEL, history).kind, 'accepted', `seed ${seed}`)
    const changes = history.flatMap(({ call, return: end, input, output }) =>
      output === undefined || 'error' in output || input.kind === 'get'
        ? []
        : [{ call, return: end, index: output.node.index }],
    )
    t.equal(checkIndexOrder(changes), undefined, `seed ${seed}`)
    const reads = history.filter(({ input, output }) => input.kind === 'get' && output && 'node' in output)
    if (reads.length === 0) continue
    const victim = random.pick(reads)
    // A value that was written, but with an index that nobody got.
    const { node: right } = victim.output as { node: { value: string; index: number; created: number } }
    const wrong = { ...victim, output: told(right.value, right.index + 1000) }
    mutated += 1
    const verdict = search(
      KEY_MODEL,
      history.map(operation => (operation === victim ? wrong : operation)),
    )
    if (verdict.kind === 'refused') refused += 1
  }
  t.ok(mutated > 40)
  // One without an answer may have got any index.
  t.ok(refused >= mutated * 0.9, `${refused} of ${mutated}`)
  t.end()
})

t.test('a history with a stale read is refused, whatever else is in it', t => {
  for (let seed = 0; seed < 40; seed++) {
    const history = simulateKey(new Random(seed), { clients: 4, operations: 100, lostProbability: 0 })
    const end = Math.max(...history.map(operation => operation.return))
    const add = (at: number, input: KeyInput, output: KeyOutput) =>
      history.push({ id: history.length, client: 9, call: end + at, return: end + at + 1, input, output })
    add(1, { kind: 'delete' }, NO)
    add(3, set('last'), told('last', 9999))
    add(5, GET, told('last', 9999))
    const deleted = search(KEY_MODEL, history).kind === 'accepted'
    add(7, GET, NO)
    t.equal(search(KEY_MODEL, history).kind, 'refused', `seed ${seed}, ${deleted}`)
  }
  t.end()
})

t.test('a refusal is explained by the smallest part that shows it', t => {
  const history = simulateKey(new Random(5), { clients: 4, operations: 200, lostProbability: 0.02 })
  const middle = history.find(
    ({ input, output, call }) => call > 150 && input.kind === 'get' && output && 'node' in output,
  )!
  middle.output = told('never', 77_777)
  const isRead = (input: KeyInput) => input.kind === 'get'
  const part = shrink(KEY_MODEL, history, isRead)
  t.ok(part.length < history.length / 2 + 60, `${part.length} of ${history.length}`)
  t.ok(part.every(({ call }) => call <= middle.return))
  t.equal(part.filter(({ input, output }) => isRead(input) && output !== undefined).length, 1)
  const text = explain(KEY_MODEL, part).join('\n')
  t.match(text, /none of these can come next/)
  t.match(text, /! client \d+ {2}\d+ to \d+ {2}get → never@77777/)
  t.end()
})

t.test('a search that takes too long says so', t => {
  const history = simulateKey(new Random(1), { clients: 6, operations: 100, lostProbability: 0 })
  t.equal(search(KEY_MODEL, history, 10).kind, 'gave-up')
  t.same(
    cutAt(history, 20).filter(({ return: end }) => end > 20 && end !== LOST),
    [],
  )
  t.end()
})

t.test('indexes follow real time over all keys', t => {
  const change = (call: number, end: number, index: number) => ({ call, return: end, index })
  t.equal(checkIndexOrder([change(1, 5, 3), change(2, 4, 2), change(6, 7, 4)]), undefined)
  t.match(checkIndexOrder([change(1, 2, 3), change(3, 4, 2)]), /index 2 after one had returned with 3/)
  t.match(checkIndexOrder([change(1, 5, 3), change(2, 4, 3)]), /two changes/)
  t.end()
})
