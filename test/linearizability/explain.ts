import { cutAt, type Model, type Operation } from './history.ts'
import { search } from './search.ts'

/** Steps for each try to make a refused history smaller, and how many tries. */
const SHRINK_STEPS_MAX = 200_000
const SHRINK_TRIES_MAX = 400
/** Operations that are shown before the ones that cannot follow. */
const CONTEXT_OPERATIONS = 8

/**
 * The smallest part of a refused history that shows why: cut at the first time at which it cannot be right, and without
 * all that can be left out. Only what changes nothing is left out: what remains is then wrong by itself.
 */
export function shrink<S, I, O>(
  model: Model<S, I, O>,
  history: readonly Operation<I, O>[],
  isRead: (input: I, output: O | undefined) => boolean,
): Operation<I, O>[] {
  const refused = (part: readonly Operation<I, O>[]) =>
    search(model, part, SHRINK_STEPS_MAX).kind === 'refused'
  const returns = history.map(operation => operation.return).filter(Number.isFinite)
  returns.sort((a, b) => a - b)
  let low = 0
  let high = returns.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (refused(cutAt(history, returns[middle]!))) high = middle
    else low = middle + 1
  }
  let part = cutAt(history, returns[high] ?? Number.POSITIVE_INFINITY)
  if (!refused(part)) return [...history]
  let tries = 0
  for (const operation of [...part]) {
    if (operation.output === undefined || !isRead(operation.input, operation.output)) continue
    if (tries++ >= SHRINK_TRIES_MAX) break
    const smaller = part.filter(other => other !== operation)
    if (refused(smaller)) part = smaller
  }
  return part
}

/** Says in lines for people why a history was refused. Times are shown as `time` makes them. */
export function explain<S, I, O>(
  model: Model<S, I, O>,
  part: readonly Operation<I, O>[],
  time: (value: number) => string = String,
): string[] {
  const verdict = search(model, part, SHRINK_STEPS_MAX)
  if (verdict.kind !== 'refused') return [`the history was ${verdict.kind}`]
  const { order, state, stuck } = verdict.deepest
  const line = (operation: Operation<I, O>) => {
    const end = operation.output === undefined ? '…' : time(operation.return)
    const what = model.describe(operation.input, operation.output)
    return `client ${operation.client}  ${time(operation.call)} to ${end}  ${what}`
  }
  const hidden = Math.max(0, order.length - CONTEXT_OPERATIONS)
  const lines = ['The longest order that can be right:']
  if (hidden > 0) lines.push(`      … ${hidden} before`)
  for (const operation of order.slice(hidden)) lines.push(`      ${line(operation)}`)
  lines.push(`Then the state is ${model.describeState(state)}, and none of these can come next:`)
  for (const operation of stuck) lines.push(`    ! ${line(operation)}`)
  return lines
}
