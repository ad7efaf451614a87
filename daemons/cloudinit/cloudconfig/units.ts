import type { Step, Verb } from '../plan/plan.ts'
import { GONE } from './gone.ts'
import type { View } from './view.ts'

/** The steps of `coreos.units`, in their order: first all files, then all commands. */
export function compileUnits(units: readonly View[]): Step[] {
  const named = units.filter(unit => unit.text('name') !== undefined)
  return [...named.map(compileUnit), ...named.flatMap(compileCommand)]
}

function compileUnit(unit: View): Step {
  const content = unit.text('content')
  const mask = unit.flag('mask')
  const runtime = unit.flag('runtime') === true
  const dropIns = unit
    .maps('drop_ins')
    .map(dropIn => ({ name: dropIn.text('name') ?? '', content: dropIn.text('content') ?? '' }))
  return {
    kind: 'unit',
    name: unit.text('name')!,
    runtime,
    ...(content === undefined ? {} : { content }),
    dropIns,
    // A mask of this start only is taken away when it is not asked for any more, as in the original.
    ...(mask === true ? { mask: true } : runtime && content === undefined ? { mask: false } : {}),
    ...(unit.flag('enable') === true ? { enable: true } : {}),
    origin: unit.origin,
  }
}

function compileCommand(unit: View): Step[] {
  const verb = unit.text('command')
  if (verb === undefined) return []
  if (unit.text('name')! in GONE && unit.text('content') === undefined) return []
  return [{ kind: 'command', unit: unit.text('name')!, verb: verb as Verb, origin: unit.at('command') }]
}
