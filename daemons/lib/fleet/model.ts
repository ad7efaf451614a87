/** What a unit is wanted to be, and what it is now, in the words of the registry. */
export type TargetState = 'inactive' | 'loaded' | 'launched'

/** All of them, from least to most. */
export const TARGET_STATES: readonly TargetState[] = ['inactive', 'loaded', 'launched']

/** Whether a text names a state. */
export function isTargetState(text: unknown): text is TargetState {
  return text === 'inactive' || text === 'loaded' || text === 'launched'
}

/** One line of a unit file. Sections may repeat; the order counts. */
export interface UnitOption {
  section: string
  name: string
  value: string
}

/** What a machine can give to units; 0 where it does not say. */
export interface Capacity {
  memoryBytes: number
  /** Thousandths of a core. */
  cpuMillis: number
}

/** A machine of the cluster. */
export interface Machine {
  /** Of /etc/machine-id. */
  id: string
  /** `''` when unknown. */
  ip: string
  metadata: Readonly<Record<string, string>>
  /** Of its fleetd. */
  version: string
  capacity: Capacity
  /** Identifies the boot, so that a daemon that comes back knows its own key; `''` for daemons that do not tell. */
  boot: string
  /** Address under which its API answers to other machines, such as `http://10.0.0.1:49153`; `''` for none. */
  api: string
}

/** A unit on a machine, as systemd there has it. */
export interface UnitState {
  name: string
  /** Of the unit's text, 40 hex digits. */
  hash: string
  machineId: string
  load: string
  active: string
  sub: string
  /** The restart demand that was fulfilled last; `''` for none. */
  restart: string
  /**
   * What the agent had done with it before systemd was asked: an inactive unit that is launched has ended, and one that is
   * loaded has yet to be started. `''` from an agent that does not say.
   */
  agentState: '' | 'loaded' | 'launched'
}

/** How many characters of a machine ID are enough for people. */
const SHORT_ID_LENGTH = 8

/** The short form of a machine ID. */
export function shortId(id: string): string {
  return id.slice(0, SHORT_ID_LENGTH)
}

/** `8a6c94dd.../10.0.0.1`, as the original shows a machine; `full` gives the whole ID. */
export function machineLegend(id: string, ip: string, full: boolean): string {
  const name = full || id.length <= SHORT_ID_LENGTH ? id : `${shortId(id)}...`
  return ip === '' ? name : `${name}/${ip}`
}
