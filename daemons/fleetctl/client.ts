import type {
  EventBody,
  MachineBody,
  RestartBody,
  StatusBody,
  UnitBody,
  UnitStateBody,
  WhyBody,
} from '#lib/fleet/shapes.ts'

/** Why the cluster did not do what it was asked for, in one line. */
export class RequestError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'RequestError'
  }
}

/** Which lines of a journal. */
export interface JournalOptions {
  machineId: string
  lines: number
  follow: boolean
  output: string
}

/**
 * The cluster as commands see it: through the API of a fleetd, or by the registry itself. Every method rejects with
 * RequestError.
 */
export interface Client {
  /** All units. */
  units(): Promise<UnitBody[]>
  /** Undefined when there is no such unit. */
  unit(name: string): Promise<UnitBody | undefined>
  /** States of all units, or of one. */
  states(name?: string): Promise<UnitStateBody[]>
  machines(): Promise<MachineBody[]>
  /** Creates a unit, gives it another text, or says what it is wanted to be. */
  put(unit: UnitBody): Promise<void>
  /** False when there was none. */
  destroy(name: string): Promise<boolean>
  /** The ID by which states tell that it is done; undefined where nobody knows how to restart. */
  restart(name: string, body: RestartBody): Promise<string | undefined>
  /** Undefined when there is no such unit. */
  why(name: string): Promise<WhyBody | undefined>
  /** What `systemctl status` says there; undefined where it has to be asked for by SSH. */
  status(name: string, machineId: string): Promise<StatusBody | undefined>
  /** Lines of a journal; undefined where they have to be asked for by SSH. */
  journal(name: string, options: JournalOptions): Promise<AsyncIterable<string> | undefined>
  /** What changes from now on; undefined where nobody tells. */
  events(): Promise<AsyncIterable<EventBody> | undefined>
  close(): void
}
