import type { TargetState, UnitOption } from '#lib/fleet/model.ts'
import type { EventBody, MachineBody, UnitBody, UnitStateBody, WhyBody } from '#lib/fleet/shapes.ts'

/** So many entries of a listing, from one on. */
export interface Part {
  from: number
  count: number
}

/** What is in the way of an answer. */
export interface Trouble {
  /** In a sentence without an end; `''` when nobody knows. */
  why: string
  /** It may pass by itself: what is waited for is late. */
  isLate: boolean
}

/** What the HTTP API needs of the daemon behind it. Any failure of the store rejects, and becomes a 500. */
export interface Backend {
  /** ID of the machine it runs on. */
  readonly machineId: string
  /** Why nothing can be answered now, such as no cluster store; undefined when all is well. */
  unavailable(): Trouble | undefined
  /** Part of all units by name. Of a global one the current state is inactive. */
  listUnits(part: Part): Promise<UnitBody[]>
  /** One unit; of a global one without a current state. */
  getUnit(name: string): Promise<UnitBody | undefined>
  /** Creates a unit or replaces its text, and sets what it is wanted to be. The input has been validated. */
  putUnit(name: string, options: readonly UnitOption[], desired: TargetState): Promise<void>
  /** False when there was no such unit. */
  setDesired(name: string, desired: TargetState): Promise<boolean>
  /** False when there was none. */
  destroyUnit(name: string): Promise<boolean>
  /** By name, then machine. */
  listStates(): Promise<readonly UnitStateBody[]>
  /** Those of one unit, by machine. */
  statesOf(name: string): Promise<UnitStateBody[]>
  /** By ID. */
  listMachines(): Promise<MachineBody[]>
  /** Sets or, with undefined, takes away an entry of a machine's metadata. */
  setMetadata(machineId: string, key: string, value: string | undefined): Promise<void>
  /**
   * Has a launched unit restarted where it runs.
   *
   * @param machines only there; all when undefined
   * @returns the ID by which unit states tell that it has been done; undefined when a machine of it cannot
   */
  restart(name: string, machines: readonly string[] | undefined): Promise<string | undefined>
  /** Undefined when there is no such unit. */
  why(name: string): Promise<WhyBody | undefined>
  /** Tells of changes from now on until the returned function is called. */
  onEvent(listener: (event: EventBody) => void): () => void
  /** Where the API of a machine answers, `''` when it does not, undefined for an unknown machine. */
  apiOf(machineId: string): Promise<string | undefined>
  /** The text of Prometheus. */
  metrics(): string
}

/** What the API tells of units on its own machine, by systemd's own words. */
export interface LocalUnits {
  /** As `systemctl status -l NAME`. */
  status(name: string, signal: AbortSignal): Promise<{ output: string; status: number }>
  /**
   * Lines of the unit's journal as they come, each without its line end.
   *
   * @param options.output format of journalctl: short, cat, json, …
   */
  journal(
    name: string,
    options: { lines: number; follow: boolean; output: string },
    signal: AbortSignal,
  ): AsyncIterable<string>
}
