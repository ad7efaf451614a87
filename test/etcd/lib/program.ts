import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Test } from 'tap'
import { ClientAgent, type ClientTls, request } from '#lib/http/host/client.ts'

const ROOT = resolve(import.meta.dirname, '../../..')
/** Beside other work on two cores. */
const TIMEOUT_MS = 15_000
const ASK_TIMEOUT_MS = 3_000
const POLL_MS = 20

let addresses = 0

/** An address of this machine that no other test uses. */
export function ownAddress(): string {
  addresses += 1
  return `127.${128 + ((process.pid >> 8) & 63)}.${process.pid & 255}.${addresses}`
}

/** A folder that is gone with the test. */
export async function ownFolder(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'orlop-etcd-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Waits until something is there, and fails with what was seen. */
export async function until<T>(what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const deadline = performance.now() + TIMEOUT_MS
  let problem = ''
  while (performance.now() < deadline) {
    try {
      const found = await look()
      if (found !== undefined && found !== false) return found
    } catch (error) {
      problem = (error as Error).message
    }
    await new Promise(done => setTimeout(done, POLL_MS))
  }
  throw new Error(`in vain: ${what}; ${problem}`)
}

/** One life of a program of ours. */
export class Program {
  log = ''
  out = ''
  status: number | NodeJS.Signals | undefined
  readonly #child: ChildProcess

  /** @param wrapper a program and its arguments that starts ours */
  constructor(
    t: Test,
    module: string,
    args: readonly string[],
    env: Record<string, string> = {},
    wrapper: readonly string[] = [],
  ) {
    const words = ['--disable-warning=ExperimentalWarning', join(ROOT, module), ...args]
    const [file, ...rest] = [...wrapper, process.execPath, ...words]
    const bare = Object.entries(process.env).filter(([name]) => !/^(ETCD_|DISC_|NODE_|TAP)/.test(name))
    this.#child = spawn(file!, rest, {
      env: { ...Object.fromEntries(bare), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.out += text
    })
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.log += text
    })
    this.#child.on('close', (code, signal) => {
      this.status = code ?? signal ?? -1
    })
    t.teardown(() => this.kill())
  }

  /** Resolves when the log has it; rejects when the program has ended without. */
  async says(text: string | RegExp): Promise<void> {
    const has = () => (typeof text === 'string' ? this.log.includes(text) : text.test(this.log))
    const hasOrEnded = () => has() || this.status !== undefined || undefined
    await until(`${text} in the log`, hasOrEnded).catch((error: Error) => {
      throw new Error(`${error.message}\n${this.log}`)
    })
    if (!has()) throw new Error(`ended with ${this.status} without ${text}: ${this.log}`)
  }

  get pid(): number {
    return this.#child.pid!
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** The status, or the signal that it died of. */
  async ended(): Promise<number | NodeJS.Signals> {
    return await until('the end', () => this.status).catch((error: Error) => {
      throw new Error(`${error.message}\n${this.log}`)
    })
  }

  async kill(): Promise<void> {
    if (this.status !== undefined) return
    this.#child.kill('SIGKILL')
    await this.ended()
  }
}

/** How a place is spoken to. */
export interface PlaceOptions {
  client?: 'http' | 'https'
  peer?: 'http' | 'https'
  /** What its clients show and trust. */
  tls?: ClientTls
}

/** A place for a member: its address and its folder. */
export class Place {
  readonly name: string
  readonly folder: string
  readonly address: string
  readonly clientUrl: string
  readonly peerUrl: string
  /** What its clients show and trust from the next request on. */
  tls: ClientTls

  constructor(name: string, folder: string, options: PlaceOptions = {}) {
    const { client = 'http', peer = 'http', tls = {} } = options
    this.address = ownAddress()
    this.name = name
    this.folder = join(folder, name)
    this.clientUrl = `${client}://${this.address}:2379`
    this.peerUrl = `${peer}://${this.address}:2380`
    this.tls = tls
  }

  /** Its part of `--initial-cluster`. */
  get entry(): string {
    return `${this.name}=${this.peerUrl}`
  }

  get flags(): string[] {
    return [
      ...['--name', this.name, '--data-dir', this.folder],
      ...['--listen-client-urls', this.clientUrl, '--advertise-client-urls', this.clientUrl],
      ...['--listen-peer-urls', this.peerUrl, '--initial-advertise-peer-urls', this.peerUrl],
      ...['--heartbeat-interval', '50', '--election-timeout', '500'],
    ]
  }

  start(t: Test, flags: readonly string[]): Program {
    return new Program(t, 'daemons/etcd/main.ts', [...this.flags, ...flags])
  }

  async set(key: string, value: string): Promise<number> {
    const { status } = await this.ask('PUT', `/v2/keys${key}`, `value=${value}`)
    return status
  }

  async get(key: string): Promise<string | undefined> {
    const { body } = await this.ask('GET', `/v2/keys${key}?quorum=true`)
    return (JSON.parse(body) as { node?: { value?: string } }).node?.value
  }

  async ask(method: string, path: string, form?: string): Promise<{ status: number; body: string }> {
    const isJson = form?.startsWith('{')
    const type = isJson ? 'application/json' : 'application/x-www-form-urlencoded'
    const agent = new ClientAgent({ tls: this.tls })
    const answer = await request({
      url: this.clientUrl + path,
      method,
      timeoutMs: ASK_TIMEOUT_MS,
      agent,
      ...(form === undefined ? {} : { body: form, headers: { 'Content-Type': type } }),
    }).finally(() => agent.close())
    return { status: answer.status, body: answer.body.toString() }
  }

  /** Members by name: '' for those that have not started. */
  async members(): Promise<{ id: string; name: string; peerURLs: string[] }[]> {
    const { body } = await this.ask('GET', '/v2/members')
    return (JSON.parse(body) as { members: { id: string; name: string; peerURLs: string[] }[] }).members
  }
}
