import { machineLegend } from '#lib/fleet/model.ts'
import type { EventBody } from '#lib/fleet/shapes.ts'
import { serializeUnit } from '#lib/fleet/unit/file.ts'
import { nameFromArgument } from '#lib/fleet/unit/name.ts'
import type { Command } from '../command.ts'
import { Failure } from '../io.ts'
import { tabulate } from '../table.ts'

/** Commands that look at one unit, or at what happens. */
export const LOOK_COMMANDS: readonly Command[] = [
  {
    name: 'cat',
    summary: 'Output the contents of a submitted unit',
    usage: 'UNIT',
    description:
      'Prints the text of a unit as the cluster has it: comments and spacing are gone.\n\nfleetctl cat hello.service',
    async run({ words, io, connect }) {
      if (words.length !== 1) throw new Failure('One unit file must be provided')
      const name = nameFromArgument(words[0]!)
      const unit = await (await connect()).unit(name)
      if (unit === undefined) throw new Failure(`Unit ${name} not found`)
      io.out(serializeUnit(unit.options ?? []))
      return 0
    },
  },
  {
    name: 'why',
    summary: 'Tell why a unit is where it is, or nowhere',
    usage: 'UNIT',
    description: `Says in a sentence why a unit has its machine or none, and of each machine what keeps the unit from it.

fleetctl why hello.service`,
    flags: [{ names: ['json'], type: 'bool', usage: 'as JSON' }],
    async run({ words, flags, io, connect }) {
      if (words.length !== 1) throw new Failure('One unit must be provided')
      const name = nameFromArgument(words[0]!)
      const client = await connect()
      const why = await client.why(name)
      if (why === undefined) throw new Failure(`Unit ${name} does not exist.`)
      if (flags.on('json')) {
        io.out(`${JSON.stringify(why, undefined, 2)}\n`)
        return 0
      }
      io.out(`Unit ${name}: ${why.reason}\n`)
      const addresses = new Map((await client.machines()).map(({ id, primaryIP = '' }) => [id, primaryIP]))
      const rows = why.machines.map(({ id, problem }) => [
        machineLegend(id, addresses.get(id) ?? '', false),
        problem === '' ? 'can run it' : problem,
      ])
      if (rows.length > 0) io.out(tabulate([['MACHINE', 'VERDICT'], ...rows]))
      return 0
    },
  },
  {
    name: 'events',
    summary: 'Tell what changes in the cluster until it is interrupted',
    usage: '',
    description:
      'Prints a line for each change of a unit, of its state, or of a machine.\n\nfleetctl events --json | jq .',
    flags: [{ names: ['json'], type: 'bool', usage: 'each event as a line of JSON' }],
    async run({ flags, io, connect }) {
      const events = await (await connect()).events()
      if (events === undefined) throw new Failure('this fleetd does not tell of events')
      for await (const event of events)
        io.out(`${flags.on('json') ? JSON.stringify(event) : describe(event)}\n`)
      return 0
    },
  },
]

function describe({ type, name, removed, unit, state, machine }: EventBody): string {
  if (removed === true) return `${type} ${name} gone`
  if (unit !== undefined)
    return `unit ${name} desired ${unit.desiredState ?? '-'} current ${unit.currentState ?? '-'} machine ${unit.machineID ?? '-'}`
  if (state !== undefined)
    return `state ${name} ${state.systemdActiveState ?? '-'}/${state.systemdSubState ?? '-'} machine ${state.machineID ?? '-'}`
  return `machine ${name} ${machine?.primaryIP ?? '-'}`
}
