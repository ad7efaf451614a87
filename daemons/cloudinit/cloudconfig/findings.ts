import type { Origin } from '../plan/plan.ts'
import type { Finding, Severity } from '../plan/report.ts'

/** What was found so far, and by whom it is added to. */
export class Findings {
  readonly list: Finding[]

  constructor(list: Finding[] = []) {
    this.list = list
  }

  /** Nothing of the configuration is applied. */
  error(origin: Origin, message: string): void {
    this.#add('error', origin, message)
  }

  /** Something is not what was probably meant. */
  warning(origin: Origin, message: string): void {
    this.#add('warning', origin, message)
  }

  /** Good to know. */
  info(origin: Origin, message: string): void {
    this.#add('info', origin, message)
  }

  #add(severity: Severity, { path, line, column }: Origin, message: string): void {
    this.list.push({ severity, message, path, line, column })
  }
}
