import type { Machine } from '../model.ts'
import { type Candidate, Station } from './able.ts'

/**
 * The machines in the order in which units are given to them: fewest units first, then by ID. The order is kept as
 * units come and go, so that 10,000 units on 1,000 machines are no 10,000 sorts.
 */
export class Board {
  readonly #stations = new Map<string, Station>()
  readonly #places = new Map<string, string>()
  #order: Station[]

  constructor(machines: readonly Machine[]) {
    for (const machine of machines) this.#stations.set(machine.id, new Station(machine))
    this.#order = [...this.#stations.values()].sort(compare)
  }

  station(machineId: string): Station | undefined {
    return this.#stations.get(machineId)
  }

  /** Least loaded first. Not to be kept over a change. */
  get order(): readonly Station[] {
    return this.#order
  }

  /** The station that a unit, not a global one, is placed on. */
  placeOf(name: string): Station | undefined {
    const id = this.#places.get(name)
    return id === undefined ? undefined : this.#stations.get(id)
  }

  place(unit: Candidate, station: Station): void {
    this.#move(station, () => station.add(unit))
    this.#places.set(unit.name, station.machine.id)
  }

  take(name: string): void {
    const station = this.placeOf(name)
    if (station === undefined) return
    this.#move(station, () => station.remove(name))
    this.#places.delete(name)
  }

  /** Puts the order right after stations were filled without it. */
  sort(): void {
    this.#order.sort(compare)
  }

  #move(station: Station, change: () => void): void {
    this.#order.splice(this.#find(station), 1)
    change()
    this.#order.splice(this.#find(station), 0, station)
  }

  /** Where a station is, or belongs. */
  #find(station: Station): number {
    let low = 0
    let high = this.#order.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compare(this.#order[middle]!, station) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

function compare(a: Station, b: Station): number {
  return a.count - b.count || (a.machine.id < b.machine.id ? -1 : a.machine.id > b.machine.id ? 1 : 0)
}
