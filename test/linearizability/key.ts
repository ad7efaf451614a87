import type { Model } from './history.ts'

/** What a client asks one key of the v2 store for. `prevIndex` 0 and `prevValue` '' are not tested. */
export type KeyInput =
  | { kind: 'get' }
  | { kind: 'set' | 'create' | 'update'; value: string }
  | { kind: 'cas'; value: string; prevValue: string; prevIndex: number }
  | { kind: 'cad'; prevValue: string; prevIndex: number }
  | { kind: 'delete' }

/** A file of the store. */
export interface KeyNode {
  value: string
  /** modifiedIndex, createdIndex. */
  index: number
  created: number
}

/** The answer: the node, and for changes the one before it; or the number of a v2 error. */
export type KeyOutput = { node: KeyNode; previous: KeyNode | undefined } | { error: number }

/** One key. An index is 0 while no answer has told it; then all that is known is that it is above `floor`. */
export interface KeyState {
  node: KeyNode | undefined
  floor: number
}

/** The errors of the v2 store that a file can answer with. */
export const KEY_NOT_FOUND = 100
export const COMPARE_FAILED = 101
export const ALREADY_EXISTS = 105

/**
 * One key of the v2 store that is a file or absent. Indexes count for the whole store, so here a change may take any
 * that is higher than those before.
 *
 * Source: spec of the v2 store, §2.2 and §2.3.
 */
export const KEY_MODEL: Model<KeyState, KeyInput, KeyOutput> = {
  initial: { node: undefined, floor: 0 },
  step(state, input, output) {
    const states: KeyState[] = []
    // Which condition holds may depend on an index that is not known yet: both ways are followed.
    for (const [outcome, known] of outcomesOf(state, input)) {
      const next = applied(known, input, outcome, output)
      if (next !== undefined) states.push(next)
    }
    return states
  },
  keyOf: ({ node, floor }) =>
    node === undefined ? `-${floor}` : `${node.index}.${node.created}.${floor}.${node.value}`,
  describe: (input, output) => `${describeInput(input)} → ${describeOutput(output)}`,
  describeState: ({ node }) => (node === undefined ? 'absent' : describeNode(node)),
}

type Outcome = 'happens' | 100 | 101 | 105

function outcomesOf(state: KeyState, input: KeyInput): [Outcome, KeyState][] {
  const { node } = state
  if (input.kind === 'set') return [['happens', state]]
  if (input.kind === 'create') return [[node === undefined ? 'happens' : ALREADY_EXISTS, state]]
  if (node === undefined) return [[KEY_NOT_FOUND, state]]
  if (input.kind !== 'cas' && input.kind !== 'cad') return [['happens', state]]
  if (input.prevValue !== '' && input.prevValue !== node.value) return [[COMPARE_FAILED, state]]
  const { prevIndex } = input
  if (prevIndex === 0) return [['happens', state]]
  if (node.index !== 0) return [[node.index === prevIndex ? 'happens' : COMPARE_FAILED, state]]
  if (prevIndex <= state.floor) return [[COMPARE_FAILED, state]]
  const bound = { node: { ...node, index: prevIndex }, floor: prevIndex }
  return [
    ['happens', bound],
    [COMPARE_FAILED, state],
  ]
}

function applied(
  state: KeyState,
  input: KeyInput,
  outcome: Outcome,
  output: KeyOutput | undefined,
): KeyState | undefined {
  if (outcome !== 'happens')
    return output === undefined || ('error' in output && output.error === outcome) ? state : undefined
  if (output !== undefined && 'error' in output) return undefined
  if (input.kind === 'get') return output === undefined ? state : agree(state, output.node)
  const before = output === undefined ? state : agree(state, output.previous)
  if (before === undefined) return undefined
  const index = output?.node.index ?? 0
  if (output !== undefined && index <= before.floor) return undefined
  const floor = Math.max(before.floor, index)
  if (input.kind === 'delete' || input.kind === 'cad') return { node: undefined, floor }
  const keeps = input.kind === 'update' || input.kind === 'cas'
  const created = keeps ? before.node!.created : index
  const node = { value: input.value, index, created }
  return output === undefined ? { node, floor } : agree({ node, floor }, output.node)
}

/** The state with what an answer tells about it, or undefined when the answer contradicts it. */
function agree(state: KeyState, told: KeyNode | undefined): KeyState | undefined {
  const { node } = state
  if (node === undefined || told === undefined) return node === told ? state : undefined
  if (node.value !== told.value) return undefined
  if (node.index !== 0 && node.index !== told.index) return undefined
  if (node.index === 0 && told.index <= state.floor) return undefined
  if (node.created !== 0 && node.created !== told.created) return undefined
  if (told.created > told.index) return undefined
  if (node.index !== 0 && node.created !== 0) return state
  return { node: told, floor: Math.max(state.floor, told.index) }
}

function describeInput(input: KeyInput): string {
  if (input.kind === 'get' || input.kind === 'delete') return input.kind
  if (input.kind !== 'cas' && input.kind !== 'cad') return `${input.kind} ${input.value}`
  const value = input.prevValue === '' ? '' : ` if ${input.prevValue}`
  const index = input.prevIndex === 0 ? '' : ` if @${input.prevIndex}`
  return `${input.kind}${input.kind === 'cas' ? ` ${input.value}` : ''}${value}${index}`
}

function describeOutput(output: KeyOutput | undefined): string {
  if (output === undefined) return '?'
  if ('error' in output) return `error ${output.error}`
  const previous = output.previous === undefined ? '' : ` before ${describeNode(output.previous)}`
  return `${describeNode(output.node)}${previous}`
}

function describeNode({ value, index, created }: KeyNode): string {
  return `${value}@${index === 0 ? '?' : index}${created === index ? '' : `/${created === 0 ? '?' : created}`}`
}
