import type { Machine, UnitState } from '../model.ts'
import { decodeMachine, decodeState } from './codec.ts'
import type { Subtree } from './subtree.ts'

const METADATA = 'metadata/'

/** A machine from a mirror of `machines/`; undefined when it is not there, or only its metadata are. */
export function machineOf(tree: Pick<Subtree, 'group'>, id: string): Machine | undefined {
  const files = tree.group(id)
  const object = files.get('object')
  if (object === undefined) return undefined
  const overlay = new Map<string, string>()
  for (const [path, value] of files) {
    if (path.startsWith(METADATA)) overlay.set(path.slice(METADATA.length), value)
  }
  return decodeMachine(id, object, overlay)
}

/** All machines that are present, by ID. */
export function machinesOf(tree: Subtree): Machine[] {
  const machines: Machine[] = []
  for (const id of [...tree.groups()].sort()) {
    const machine = machineOf(tree, id)
    if (machine !== undefined) machines.push(machine)
  }
  return machines
}

/** States of a unit from a mirror of `states/`, by machine. */
export function statesOf(tree: Pick<Subtree, 'group'>, name: string): UnitState[] {
  const states: UnitState[] = []
  for (const [machineId, value] of [...tree.group(name)].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const state = decodeState(name, machineId, value)
    if (state !== undefined) states.push(state)
  }
  return states
}
