import type { KeyStore } from '#lib/fleet/registry/store.ts'

/** Something wrong that ends the command: told on stderr, and the status of the process. */
export class Failure extends Error {
  readonly status: number

  constructor(message: string, status = 1) {
    super(message)
    this.name = 'Failure'
    this.status = status
  }
}

/** A whole answer of the API. */
export interface ApiReply {
  status: number
  body: string
  /** Value of Retry-After, where the answer has it. */
  retryAfter?: string | undefined
}

/** An answer that goes on. */
export interface ApiStream {
  status: number
  lines: AsyncIterable<string>
  retryAfter?: string | undefined
}

/** The way to the API. */
export interface ApiTransport {
  /** @throws RequestError when there is no answer */
  request(method: string, path: string, body?: string): Promise<ApiReply>
  /** Lines of an answer that goes on; the status comes first. */
  stream(path: string): Promise<ApiStream>
  close(): void
}

/** The registry's etcd. */
export interface StoreConnection {
  keys: KeyStore
  close(): void
}

/** How the API, or the registry's etcd, is reached. */
export interface ConnectOptions {
  /** URLs: of the API one, of an etcd as many as it has. */
  endpoints: readonly string[]
  caFile: string
  certFile: string
  keyFile: string
  skipVerify: boolean
  /** For one request; 0 is no limit. */
  timeoutMs: number
  tunnel: string
  ssh: SshOptions
}

/** How the OpenSSH client is called. */
export interface SshOptions {
  user: string
  timeoutSeconds: number
  strictHostKeyChecking: boolean
  knownHostsFile: string
  port: number
  /** Bastion `host[:port]`; `''` for none. */
  tunnel: string
  forwardAgent: boolean
}

/** All that the program touches. */
export interface Io {
  out(text: string): void
  err(text: string): void
  readonly env: Readonly<Record<string, string | undefined>>
  readonly argv: readonly string[]
  /** Text of a file, undefined when there is none. */
  readFile(path: string): Promise<string | undefined>
  /** Milliseconds of a clock that only goes on. */
  now(): number
  sleep(ms: number): Promise<void>
  connect(options: ConnectOptions): Promise<ApiTransport>
  connectStore(options: ConnectOptions): Promise<StoreConnection>
  /** Another one each time. */
  newId(): string
  /** Runs a program with this one's input and output; gives its status. */
  run(program: string, args: readonly string[]): Promise<number>
  /** Makes the folder that a file is to be in, for its owner only. */
  makeFolderOf(path: string): Promise<void>
  /** Home directory of a user, undefined for one who is not there. */
  homeOf(user: string): Promise<string | undefined>
  /** Of the machine it runs on, `''` when it has none. */
  machineId(): Promise<string>
  /** Joins standard input and output with a unix socket until either ends. */
  joinSocket(path: string): Promise<void>
  isTerminal: boolean
}
