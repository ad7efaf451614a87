/**
 * State of a unit as systemd has it. A unit whose start still waits for others is `activating` and `queued` here: to
 * systemd it is as inactive as one that nobody wants.
 */
export interface UnitStatus {
  name: string
  load: string
  active: string
  sub: string
}

/** What fleet asks of systemd. Each call rejects with an error whose message is for people. */
export interface UnitManager {
  /** LinkUnitFiles([path], runtime, force); with an [Install] section EnableUnitFiles([path], runtime, force) too. */
  link(path: string, hasInstall: boolean): Promise<void>
  /** DisableUnitFiles([name], runtime). A unit that is not there is done. */
  disable(name: string): Promise<void>
  /** Whether systemd has this unit in its memory: with a text that it takes for the one on the disk until it reloads. */
  knows(name: string): Promise<boolean>
  /** Has systemd read unit files again. */
  reload(): Promise<void>
  /** StartUnit(name, "replace"); the job is not waited for. */
  start(name: string): Promise<void>
  /** StopUnit(name, "replace"); a unit that is not there is done. */
  stop(name: string): Promise<void>
  /** RestartUnit(name, "replace"). */
  restart(name: string): Promise<void>
  /** Takes the memory of a failure away. */
  resetFailed(name: string): Promise<void>
  /** States of these units; those that systemd does not know are `not-found`. */
  statuses(names: readonly string[]): Promise<UnitStatus[]>
  /** Calls back when any unit may have changed, many changes as one; the returned function ends it. */
  onChange(listener: () => void): () => void
  close(): void
}
