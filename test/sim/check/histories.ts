import { explain, shrink } from '../../linearizability/explain.ts'
import type { Model, Operation } from '../../linearizability/history.ts'
import { KEY_MODEL, type KeyInput } from '../../linearizability/key.ts'
import { checkIndexOrder, type Numbered } from '../../linearizability/order.ts'
import { QUEUE_MODEL, type QueueInput } from '../../linearizability/queue.ts'
import { search } from '../../linearizability/search.ts'
import type { Histories } from '../workload.ts'
import { Violation } from './violation.ts'

/** Steps of one search; each takes some microseconds. */
const STEPS_MAX = 300_000

/**
 * Looks for an order of each key's operations that can be right.
 *
 * @returns how many keys were too hard to decide
 * @throws Violation when there is none
 */
export function checkHistories({ files, queues }: Histories): number {
  const changes: Numbered[] = []
  for (const history of files.values()) {
    for (const { call, return: end, input, output } of history)
      if (output !== undefined && 'node' in output && input.kind !== 'get')
        changes.push({ call, return: end, index: output.node.index })
  }
  for (const history of queues.values()) {
    for (const { call, return: end, output } of history)
      if (output !== undefined && 'entry' in output)
        changes.push({ call, return: end, index: output.entry.index })
  }
  const wrong = checkIndexOrder(changes)
  if (wrong !== undefined) throw new Violation('index-order', wrong)
  let undecided = 0
  for (const [key, history] of files)
    undecided += check(key, KEY_MODEL, history, (input: KeyInput) => input.kind === 'get')
  for (const [key, history] of queues)
    undecided += check(key, QUEUE_MODEL, history, (input: QueueInput) => input.kind === 'list')
  return undecided
}

function check<S, I, O>(
  key: string,
  model: Model<S, I, O>,
  history: readonly Operation<I, O>[],
  isRead: (input: I) => boolean,
): number {
  // Most of what had no answer and left no trace did not happen. Where that explains all, the search is short.
  if (search(model, withoutTraceless(history), STEPS_MAX).kind === 'accepted') return 0
  const verdict = search(model, history, STEPS_MAX)
  if (verdict.kind !== 'refused') return verdict.kind === 'gave-up' ? 1 : 0
  const part = shrink(model, history, isRead)
  const time = (us: number) => `${(us / 1000).toFixed(3)} ms`
  throw new Violation('linearizability', `no order of the operations on ${key} is right`, [
    `${part.length} of its ${history.length} operations show it.`,
    ...explain(model, part, time),
  ])
}

/** The history without the operations that had no answer, and whose value, which is theirs alone, nobody saw. */
function withoutTraceless<I, O>(history: readonly Operation<I, O>[]): Operation<I, O>[] {
  const seen = new Set<string>()
  for (const { output } of history) if (output !== undefined) collectValues(output, seen)
  return history.filter(({ input, output }) => {
    const { value } = input as { value?: string }
    return output !== undefined || value === undefined || seen.has(value)
  })
}

function collectValues(output: unknown, values: Set<string>): void {
  if (typeof output !== 'object' || output === null) return
  for (const [name, value] of Object.entries(output)) {
    if (name === 'value') values.add(String(value))
    else collectValues(value, values)
  }
}
