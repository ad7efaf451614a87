import type { Disk, Env } from '../../../daemons/etcd/member/env.ts'
import { Clock } from './clock.ts'
import { type DiskOptions, SimulatedDisk } from './disk.ts'
import type { FaultCounts } from './faults.ts'
import type { Random } from './random.ts'
import type { Owner, Schedule } from './schedule.ts'

/** One life of a process. */
interface Process extends Owner {
  readonly machine: Machine
}

/** A machine with its clock and disk, on which one process runs, ends and runs again. */
export class Machine {
  readonly number: number
  readonly name: string
  readonly disk: SimulatedDisk
  readonly clock: Clock
  /** How often a process was started. */
  lives = 0
  /** The process that runs or stands still. */
  process: Process | undefined
  readonly #schedule: Schedule
  readonly #random: Random

  constructor(
    number: number,
    name: string,
    parts: { schedule: Schedule; random: Random; faults: FaultCounts; disk: DiskOptions; clockRate: number },
  ) {
    this.number = number
    this.name = name
    this.#schedule = parts.schedule
    this.#random = parts.random.stream(`machine ${name}`)
    this.clock = new Clock(parts.schedule, parts.clockRate)
    this.disk = new SimulatedDisk(parts.schedule, this.#random.stream('disk'), parts.faults, parts.disk)
  }

  get running(): boolean {
    return this.process !== undefined
  }

  get paused(): boolean {
    return this.process?.paused === true
  }

  /** A new process. What it gets does nothing any more once the process has ended. */
  start(): Env & { readonly disk: Disk } {
    if (this.process !== undefined) throw new Error(`${this.name} runs already`)
    this.lives += 1
    const owner: Process = { number: this.number, machine: this, paused: false, ended: false }
    this.process = owner
    const schedule = this.#schedule
    const clock = this.clock
    const random = this.#random.stream(`life ${this.lives}`)
    return {
      now: () => clock.nowMs(),
      wallClock: () => clock.wallMs(),
      setTimer: (delayMs, callback) => {
        const timer = schedule.after(clock.delayUs(delayMs), owner, 'timer', callback)
        return () => {
          timer.cancelled = true
        }
      },
      random: () => random.next(),
      disk: this.disk.open(owner),
    }
  }

  /** The process ends. With the machine all that was not durable may go. */
  stop(what: 'process' | 'machine'): void {
    if (this.process === undefined) return
    this.#schedule.end(this.process)
    this.process = undefined
    if (what === 'process') this.disk.kill()
    else this.disk.crash()
  }

  /** The process stands still until `resume`. */
  pause(): void {
    if (this.process !== undefined) this.process.paused = true
  }

  resume(): void {
    if (this.process?.paused) this.#schedule.resume(this.process)
  }
}
