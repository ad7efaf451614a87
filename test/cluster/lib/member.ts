import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ask } from './ask.ts'
import { type Exit, ServerProcess } from './process.ts'
import type { ServerProgram } from './programs.ts'
import { until } from './until.ts'

/** Beside other work on two cores. */
const READY_TIMEOUT_MS = 30_000
/** Of the log of a member that is not ready. */
const LOG_SHOWN = 4_000
/** To one that is asked how it is. */
const STATUS_TIMEOUT_MS = 1_000

/** Where a member is and what it is started with. */
export interface MemberSetup {
  name: string
  /** Its folder; everything of it is in there. */
  folder: string
  clientUrl: string
  flags: readonly string[]
  program: ServerProgram
}

/** What a member says of itself. */
export interface MemberStatus {
  /** Name of who leads as far as it knows, or ''. */
  leader: string
  term: number
  /** Of the store: what is applied. */
  storeIndex: number
}

/** A member of a cluster over all its lives. */
export class Member {
  readonly name: string
  readonly clientUrl: string
  readonly folder: string
  /** Lives that ended although nobody wanted them to. */
  readonly accidents: string[] = []
  readonly #setup: MemberSetup
  #process: ServerProcess | undefined
  /** Ending it is wanted. */
  #isEnding = false

  constructor(setup: MemberSetup) {
    this.#setup = setup
    this.name = setup.name
    this.clientUrl = setup.clientUrl
    this.folder = setup.folder
  }

  get pid(): number | undefined {
    return this.#process?.exit === undefined ? this.#process?.pid : undefined
  }

  get isRunning(): boolean {
    return this.pid !== undefined
  }

  /** Of the last life. */
  get log(): string {
    return this.#process?.log ?? ''
  }

  get dataFolder(): string {
    return join(this.folder, 'data')
  }

  /** Starts the process; it is not ready yet. */
  async start(): Promise<ServerProcess> {
    if (this.isRunning) throw new Error(`${this.name} runs already`)
    this.#isEnding = false
    const life = await ServerProcess.start(this.#setup.program, this.#setup.flags, this.folder)
    this.#process = life
    void life.ended.then(({ code, signal }) => {
      if (this.#isEnding || this.#process !== life) return
      this.accidents.push(`${this.name} ended by itself: status ${code}, signal ${signal}\n${life.log}`)
    })
    return life
  }

  /** Starts the process whose end is what is looked for. */
  async startAndEnd(timeoutMs: number): Promise<Exit & { log: string }> {
    const life = await this.start()
    this.#isEnding = true
    const exit = await until(`${this.name} to end`, timeoutMs, () => life.exit).catch(async error => {
      await life.kill()
      throw new Error(`${error.message}\n${life.log}`)
    })
    return { ...exit, log: life.log }
  }

  /** Ends it as a power cut would end it, but for what the kernel holds. */
  async kill(): Promise<Exit> {
    if (this.#process === undefined) throw new Error(`${this.name} was never started`)
    this.#isEnding = true
    return await this.#process.kill()
  }

  /** Asks it to end. */
  async terminate(timeoutMs: number): Promise<Exit> {
    const life = this.#process
    if (life === undefined) throw new Error(`${this.name} was never started`)
    this.#isEnding = true
    life.signal('SIGTERM')
    return await until(`${this.name} to end on SIGTERM`, timeoutMs, () => life.exit)
  }

  /** Stands still until `resume`; resolves when it does. */
  async pause(): Promise<void> {
    const life = this.#process
    if (life === undefined) throw new Error(`${this.name} was never started`)
    life.signal('SIGSTOP')
    await until(`${this.name} to stand still`, STATUS_TIMEOUT_MS, () => life.isStopped())
  }

  resume(): void {
    this.#process?.signal('SIGCONT')
  }

  /** Resolves when it takes part in the cluster. */
  async ready(timeoutMs: number = READY_TIMEOUT_MS): Promise<void> {
    const state = await until(`${this.name} to be healthy`, timeoutMs, async () => {
      if (!this.isRunning) return 'gone'
      const { status } = await ask(this.clientUrl, { path: '/health', timeoutMs: STATUS_TIMEOUT_MS })
      return status === 200 ? 'healthy' : undefined
    }).catch((error: Error) => {
      throw new Error(`${error.message}\n${this.log.slice(-LOG_SHOWN)}`)
    })
    if (state === 'gone') throw new Error(`${this.name} does not run: ${this.log}`)
  }

  /** Rejects when it does not answer. */
  async status(): Promise<MemberStatus> {
    const [leader, keys] = await Promise.all([
      ask(this.clientUrl, { path: '/v2/members/leader', timeoutMs: STATUS_TIMEOUT_MS }),
      ask(this.clientUrl, { path: '/v2/keys/', timeoutMs: STATUS_TIMEOUT_MS }),
    ])
    return {
      leader: leader.status === 200 ? (JSON.parse(leader.text) as { name: string }).name : '',
      term: Number(keys.headers['x-raft-term']),
      storeIndex: Number(keys.headers['x-etcd-index']),
    }
  }

  /** Ends it and removes its folder. */
  async remove(): Promise<void> {
    if (this.#process !== undefined) await this.kill()
    await rm(this.folder, { recursive: true, force: true })
  }
}
