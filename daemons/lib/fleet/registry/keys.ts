/** Where everything is in etcd: the original's layout (spec fleet d), and below a job two keys of ours. */
export class Keys {
  readonly prefix: string

  /** @param prefix such as `/_coreos.com/fleet/` */
  constructor(prefix: string) {
    this.prefix = `/${prefix
      .split('/')
      .filter(part => part !== '')
      .join('/')}`
  }

  get units(): string {
    return `${this.prefix}/unit`
  }

  get jobs(): string {
    return `${this.prefix}/job`
  }

  get states(): string {
    return `${this.prefix}/states`
  }

  get machines(): string {
    return `${this.prefix}/machines`
  }

  get lease(): string {
    return `${this.prefix}/lease/engine-leader`
  }

  get engineVersion(): string {
    return `${this.prefix}/engine/version`
  }

  unit(hash: string): string {
    return `${this.units}/${hash}`
  }

  job(name: string): string {
    return `${this.jobs}/${name}`
  }

  /** One of the keys of a job. */
  jobKey(name: string, key: JobKey): string {
    return `${this.jobs}/${name}/${key}`
  }

  /** States of a unit, one for each machine that has it. */
  statesOf(name: string): string {
    return `${this.states}/${name}`
  }

  state(name: string, machineId: string): string {
    return `${this.states}/${name}/${machineId}`
  }

  /** The state as daemons before 0.9 read it: one for each unit, whoever wrote last. */
  legacyState(name: string): string {
    return `${this.prefix}/state/${name}`
  }

  machine(id: string): string {
    return `${this.machines}/${id}`
  }

  machineObject(id: string): string {
    return `${this.machines}/${id}/object`
  }

  metadata(id: string, key: string): string {
    return `${this.machines}/${id}/metadata/${key}`
  }
}

/** Keys below a job. The original passes over those it does not know. */
export type JobKey =
  | 'object'
  | 'target-state'
  | 'target'
  | 'job-state'
  /** Ours: the latest restart demand. */
  | 'restart'
  /** Ours: why the engine could not place it. */
  | 'problem'
