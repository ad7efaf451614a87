import type { Random } from '../sim/world/random.ts'
import type { Operation } from './history.ts'
import type { KeyInput, KeyNode, KeyOutput } from './key.ts'

/** A history that is right by its making: each operation happens at one moment between its call and its return. */
export function simulateKey(
  random: Random,
  options: { clients: number; operations: number; lostProbability: number },
): Operation<KeyInput, KeyOutput>[] {
  interface Going {
    operation: Operation<KeyInput, KeyOutput>
    moment: number
    end: number
    output?: KeyOutput
  }
  const history: Operation<KeyInput, KeyOutput>[] = []
  const going: (Going | undefined)[] = new Array(options.clients).fill(undefined)
  let node: KeyNode | undefined
  let index = 0
  for (let time = 1; history.length < options.operations || going.some(Boolean); time++) {
    for (const one of random.shuffle(going)) {
      if (one === undefined || one.moment !== time) continue
      ;({ node, index, output: one.output } = happen(node, index, one.operation.input, random))
    }
    for (let client = 0; client < options.clients; client++) {
      const one = going[client]
      if (one === undefined && history.length < options.operations && random.chance(0.3)) {
        const input = anyInput(random, history.length, node)
        const operation = {
          id: history.length,
          client,
          call: time,
          return: Number.POSITIVE_INFINITY,
          input,
          output: undefined,
        }
        history.push(operation)
        const moment = time + 1 + random.below(6)
        going[client] = { operation, moment, end: moment + 1 + random.below(6) }
      } else if (one?.end === time) {
        going[client] = undefined
        if (random.chance(options.lostProbability)) continue
        one.operation.return = time
        one.operation.output = one.output
      }
    }
  }
  return history
}

function anyInput(random: Random, number: number, node: KeyNode | undefined): KeyInput {
  const value = `v${number}`
  const prevValue = random.chance(0.5) ? (node?.value ?? 'x') : ''
  const prevIndex = prevValue === '' || random.chance(0.3) ? (node?.index ?? 1) : 0
  return random.pick<KeyInput>([
    { kind: 'get' },
    { kind: 'get' },
    { kind: 'set', value },
    { kind: 'create', value },
    { kind: 'update', value },
    { kind: 'delete' },
    { kind: 'cas', value, prevValue, prevIndex },
    { kind: 'cad', prevValue, prevIndex },
  ])
}

/** One key of the store, written once more from the spec and apart from the model, which it is to prove. */
function happen(
  node: KeyNode | undefined,
  index: number,
  input: KeyInput,
  random: Random,
): { node: KeyNode | undefined; index: number; output: KeyOutput } {
  const refuse = (error: number) => ({ node, index, output: { error } })
  if (input.kind === 'create' && node !== undefined) return refuse(105)
  if (input.kind !== 'create' && input.kind !== 'set' && node === undefined) return refuse(100)
  if (input.kind === 'get') return { node, index, output: { node: node!, previous: undefined } }
  if (input.kind === 'cas' || input.kind === 'cad') {
    if (input.prevValue !== '' && input.prevValue !== node!.value) return refuse(101)
    if (input.prevIndex !== 0 && input.prevIndex !== node!.index) return refuse(101)
  }
  // Other keys take indexes as well.
  const next = index + 1 + random.below(3)
  if (input.kind === 'delete' || input.kind === 'cad')
    return { node: undefined, index: next, output: { node: { ...node!, index: next }, previous: node } }
  const keeps = input.kind === 'update' || input.kind === 'cas'
  const changed = { value: input.value, index: next, created: keeps ? node!.created : next }
  return { node: changed, index: next, output: { node: changed, previous: node } }
}
