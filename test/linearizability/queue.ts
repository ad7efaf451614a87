import type { Model } from './history.ts'

/** What a client asks a directory with in-order keys for. */
export type QueueInput = { kind: 'append'; value: string } | { kind: 'list' }

/** One in-order key: its number and what is in it. */
export interface QueueEntry {
  index: number
  value: string
}

/** The key that was made, or all in the order of their numbers. */
export type QueueOutput = { entry: QueueEntry } | { entries: readonly QueueEntry[] }

/** The keys in the order in which they were made; 0 stands for a number that no answer has told yet. */
export type QueueState = readonly QueueEntry[]

/** A directory of the v2 store in which keys are made by POST: each gets a higher number than those before. */
export const QUEUE_MODEL: Model<QueueState, QueueInput, QueueOutput> = {
  initial: [],
  step(state, input, output) {
    if (input.kind === 'append') {
      if (output === undefined) return [[...state, { index: 0, value: input.value }]]
      if (!('entry' in output) || output.entry.value !== input.value) return []
      return output.entry.index > lastIndex(state) ? [[...state, output.entry]] : []
    }
    if (output === undefined) return [state]
    if (!('entries' in output) || output.entries.length !== state.length) return []
    let before = 0
    for (const [at, { index, value }] of output.entries.entries()) {
      const known = state[at]!
      if (known.value !== value || (known.index !== 0 && known.index !== index) || index <= before) return []
      before = index
    }
    return [output.entries]
  },
  keyOf: state => state.map(({ index, value }) => `${index}=${value}`).join(),
  describe: (input, output) =>
    `${input.kind}${input.kind === 'append' ? ` ${input.value}` : ''} → ${describeOutput(output)}`,
  describeState: state => `[${state.map(describeEntry).join(' ')}]`,
}

function lastIndex(state: QueueState): number {
  for (let at = state.length - 1; at >= 0; at--) if (state[at]!.index !== 0) return state[at]!.index
  return 0
}

function describeOutput(output: QueueOutput | undefined): string {
  if (output === undefined) return '?'
  return 'entry' in output ? describeEntry(output.entry) : QUEUE_MODEL.describeState(output.entries)
}

function describeEntry({ index, value }: QueueEntry): string {
  return `${value}@${index === 0 ? '?' : index}`
}
