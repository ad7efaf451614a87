import type { UnitOption } from '../model.ts'
import { parseUnit, serializeUnit, UnitSyntaxError } from './file.ts'
import { compileGlob } from './glob.ts'
import { parseCpu, parseMemory } from './quantity.ts'
import { FleetOptions, isTruthy, knownOptions, splitPair } from './requirements.ts'

/** Pairs of options that say different things, in the order in which the original looks for them. */
const FORBIDDEN: readonly (readonly [string, string])[] = [
  ['MachineID', 'Peers'],
  ['MachineID', 'Conflicts'],
  ['MachineID', 'Global'],
  ['MachineID', 'Replaces'],
  ['Global', 'Peers'],
  ['Global', 'Replaces'],
  ['Conflicts', 'Replaces'],
]

/**
 * What keeps options from becoming a unit, in the original's words where it has some (spec fleet b.4); undefined for
 * good ones. Specifiers are not replaced, so that a template is judged as its instances will be.
 */
export function optionsProblem(options: readonly UnitOption[]): string | undefined {
  const fleet = new FleetOptions(options)
  return textProblem(options) ?? peerProblem(fleet) ?? pairProblem(fleet) ?? valueProblem(fleet)
}

/** What a unit says that nobody will read: names of [X-Fleet] that mean nothing, each with what may be meant. */
export function optionsWarnings(options: readonly UnitOption[]): string[] {
  return new FleetOptions(options).unknown().map(name => {
    const near = knownOptions().find(known => known.toLowerCase() === name.toLowerCase())
    const hint = near === undefined ? '' : `; did you mean ${near}?`
    return `unrecognized requirement in [X-Fleet] section: ${JSON.stringify(name)}${hint}`
  })
}

/**
 * Options must come back from the text they make: a value with a line end in it would be another option on the machine
 * that runs the unit, and one that nobody has looked at.
 */
function textProblem(options: readonly UnitOption[]): string | undefined {
  try {
    const text = serializeUnit(options)
    const again = parseUnit(text)
    const isSame = serializeUnit(again) === text && namesOf(again) === namesOf(options)
    return isSame ? undefined : 'the options do not make a unit file'
  } catch (error) {
    if (!(error instanceof UnitSyntaxError)) throw error
    return error.message
  }
}

/** Sections and names in the order of the text. */
function namesOf(options: readonly UnitOption[]): string {
  const sections = [...new Set(options.map(({ section }) => section))]
  const ordered = sections.flatMap(name => options.filter(({ section }) => section === name))
  return JSON.stringify(ordered.map(({ section, name }) => [section, name.trim()]))
}

function peerProblem(fleet: FleetOptions): string | undefined {
  const conflicts = fleet.all('Conflicts').flatMap(text => text.split(/\s+/))
  for (const peer of fleet.all('MachineOf')) {
    for (const [kind, patterns] of [
      ['conflict', conflicts],
      ['replace', fleet.all('Replaces')],
    ] as const) {
      const pattern = patterns.find(text => text !== '' && compileGlob(text).matches(peer))
      if (pattern !== undefined)
        return `unresolvable requirements: peer ${JSON.stringify(peer)} matches ${kind} ${JSON.stringify(pattern)}`
    }
  }
  return undefined
}

function pairProblem(fleet: FleetOptions): string | undefined {
  const has: Record<string, boolean> = {
    MachineID: fleet.first('MachineID') !== undefined,
    Peers: fleet.all('MachineOf').length > 0,
    Conflicts: fleet.all('Conflicts').length > 0,
    Global: isTruthy(fleet.all('Global').at(-1)),
    Replaces: fleet.all('Replaces').length > 0,
  }
  const pair = FORBIDDEN.find(([a, b]) => has[a] && has[b])
  return pair === undefined ? undefined : `${pair[0]} cannot be used with ${pair[1]}`
}

/** Values that the original passes over in silence, and then runs the unit anywhere. */
function valueProblem(fleet: FleetOptions): string | undefined {
  for (const value of fleet.all('MachineMetadata')) {
    if (splitPair(value) === undefined)
      return `invalid MachineMetadata ${JSON.stringify(value)}: write it as key=value`
  }
  for (const value of fleet.all('MemoryReservation')) {
    if (parseMemory(value) === undefined)
      return `invalid MemoryReservation ${JSON.stringify(value)}: write an amount such as 512M`
  }
  for (const value of fleet.all('CPUReservation')) {
    if (parseCpu(value) === undefined)
      return `invalid CPUReservation ${JSON.stringify(value)}: write cores such as 0.5 or 500m`
  }
  return undefined
}
