import { machineLegend } from '#lib/fleet/model.ts'
import type { MachineBody, UnitBody, UnitStateBody } from '#lib/fleet/shapes.ts'
import { hashUnit } from '#lib/fleet/unit/file.ts'
import type { Client } from './client.ts'

/** More units than this are looked at in one listing. */
const SINGLE_LOOKS_MAX = 64

/** Some units as they were at one look, with what machines say of them. */
export class View {
  readonly #client: Client
  readonly #units: ReadonlyMap<string, UnitBody>
  readonly #states: ReadonlyMap<string, readonly UnitStateBody[]>
  #machines: Promise<MachineBody[]> | undefined

  private constructor(client: Client, units: readonly UnitBody[], states: readonly UnitStateBody[]) {
    this.#client = client
    this.#units = new Map(units.map(unit => [unit.name, unit]))
    this.#states = Map.groupBy(states, ({ name }) => name)
  }

  /** Looks at these units. What it costs grows with their number, and not with what else there is, while they are few. */
  static async of(client: Client, names: readonly string[]): Promise<View> {
    if (names.length > SINGLE_LOOKS_MAX) return new View(client, await client.units(), await client.states())
    const units = await Promise.all(names.map(name => client.unit(name)))
    const states = await Promise.all(names.map(name => client.states(name)))
    return new View(
      client,
      units.filter(unit => unit !== undefined),
      states.flat(),
    )
  }

  /** Undefined when there is no such unit. */
  unit(name: string): UnitBody | undefined {
    return this.#units.get(name)
  }

  states(name: string): readonly UnitStateBody[] {
    return this.#states.get(name) ?? []
  }

  /** Of a unit's text; undefined when there is no such unit. */
  hash(name: string): string | undefined {
    const unit = this.unit(name)
    return unit === undefined ? undefined : hashUnit(unit.options ?? [])
  }

  /** `Unit N STATE on 8a6c94dd.../10.0.0.1`, as units are told of. */
  async line(name: string, state: string, machineId = this.unit(name)?.machineID ?? ''): Promise<string> {
    if (machineId === '') return `Unit ${name} ${state}`
    this.#machines ??= this.#client.machines()
    const machine = (await this.#machines).find(({ id }) => id === machineId)
    return `Unit ${name} ${state} on ${machineLegend(machineId, machine?.primaryIP ?? '', false)}`
  }
}
