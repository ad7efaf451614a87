import { randomBytes } from 'node:crypto'
import { CrossOrigin } from '#lib/http/cors.ts'
import { headerLine } from '#lib/http/header.ts'
import { cleanTarget } from '#lib/http/path.ts'
import { jsonMessage, methodNotAllowed, movedPermanently, notFound, textError } from '#lib/http/reply.ts'
import type { Request } from '#lib/http/request.ts'
import type { Response } from '#lib/http/response.ts'
import { METRICS_TYPE, type Metrics } from '#lib/metrics/metrics.ts'
import { Accounts } from '../auth/accounts.ts'
import { Guard } from '../auth/guard.ts'
import { type PasswordEnv, Passwords } from '../auth/passwords.ts'
import type { MemberService } from '../member/service.ts'
import { AccountsPart, AUTH } from './accounts.ts'
import { type ApiContext, JSON_TYPE, jsonReply, send, TEXT_TYPE } from './context.ts'
import { processFacts, variableFacts } from './host/process.ts'
import { KEYS, Keys } from './keys.ts'
import { MEMBERS, Members, renderMachines } from './members.ts'
import { memberMetrics } from './metrics.ts'
import { STATISTICS, statistics } from './statistics.ts'
import { Traffic } from './traffic.ts'
import { renderVariables } from './variables.ts'
import { Watches } from './watches.ts'

/** What the API needs to know beside the member. */
export interface ApiOptions {
  service: MemberService
  /** Version of this program, such as `3.4.23`. */
  version: string
  /** Origins of web pages that may ask, `*` for all. */
  cors?: readonly string[]
  /** Host names that plain HTTP may be asked by; empty or `*`: any. */
  hostWhitelist?: readonly string[]
  /** Of new passwords' hashes. */
  bcryptCost?: number
  /** A client's certificate names a user. */
  clientCertAuth?: boolean
  /** Sets from which weight on lines are logged; false for a word that names none. */
  setLogLevel?: (level: string) => boolean
  /** Milliseconds since 1970. */
  now?: () => number
  /** Milliseconds of a clock that never goes back. */
  clock?: () => number
}

/** Within which the cluster must agree to be called healthy. */
const HEALTH_TIMEOUT_MS = 1000
const VARIABLES_HEAD = headerLine('Content-Type', 'application/json; charset=utf-8')
const METRICS_HEAD = headerLine('Content-Type', METRICS_TYPE)
const BCRYPT_COST = 10
const PASSWORD_ENV: PasswordEnv = { randomBytes, later: callback => void setImmediate(callback) }
const PORT = /:\d+$/

/**
 * All that is served on the client port (specification §2 to §5).
 *
 *     request ─► clean path? ─► host? ─► CORS ─► keys ─► store.read, member.write, member.readBarrier
 *                                               ├ watches ─► store.watch
 *                                               ├ members ─► member.addMember, …
 *                                               └ statistics, version, health, machines
 */
export class Api {
  readonly #context: ApiContext
  readonly #cors: CrossOrigin
  readonly #hosts: ReadonlySet<string> | undefined
  readonly #watches: Watches
  readonly #keys: Keys
  readonly #members: Members
  readonly #accounts: AccountsPart
  readonly #metrics: Metrics
  readonly #setLogLevel: (level: string) => boolean

  constructor(options: ApiOptions) {
    const { service, version, now = Date.now, cors = ['*'], hostWhitelist = [] } = options
    const { clock = () => performance.now() } = options
    this.#metrics = memberMetrics(service, version, processFacts)
    this.#context = { service, version, now, clock, traffic: new Traffic(this.#metrics) }
    this.#cors = new CrossOrigin(cors)
    const isOpen = hostWhitelist.length === 0 || hostWhitelist.includes('*')
    this.#hosts = isOpen ? undefined : new Set(hostWhitelist)
    this.#watches = new Watches(this.#context)
    const accounts = new Accounts(service)
    const passwords = new Passwords(PASSWORD_ENV, options.bcryptCost ?? BCRYPT_COST)
    const guard = new Guard(accounts, passwords, options.clientCertAuth ?? false)
    this.#keys = new Keys(this.#context, this.#watches, guard)
    this.#members = new Members(this.#context, guard)
    this.#accounts = new AccountsPart(this.#context, accounts, passwords, guard)
    this.#setLogLevel = options.setLogLevel ?? (() => false)
  }

  /** Clients that watch. */
  get watching(): number {
    return this.#watches.size
  }

  /** Answers one request, now or later. */
  answer(request: Request, response: Response): void {
    const cors = this.#cors.headers(this.#cors.dependsOnOrigin ? request.header('origin') : undefined)
    if (this.#hosts !== undefined && !this.#mayAsk(request, this.#hosts)) {
      send(response, cors, textError(421, 'unmatched host header'))
      return
    }
    if (request.method === 'OPTIONS') {
      response.end(200, cors)
      return
    }
    const target = cleanTarget(request.path, request.query)
    if (target === 'invalid') send(response, cors, textError(400, '400 Bad Request'))
    else if (target !== undefined) send(response, cors, movedPermanently(request.method, target.location))
    else this.#route(request, response, cors)
  }

  /** Ends what has no end of its own. */
  close(): void {
    this.#watches.close()
  }

  #route(request: Request, response: Response, cors: string): void {
    const { path } = request
    if (isBelow(path, KEYS)) this.#keys.answer(request, response, cors)
    else if (isBelow(path, MEMBERS)) this.#members.answer(request, response, cors)
    else if (isBelow(path, AUTH)) this.#accounts.answer(request, response, cors)
    else if (path === '/health') this.#health(request, response, cors)
    else if (path === '/config/local/log') this.#logLevel(request, response, cors)
    else if (path.startsWith(`${STATISTICS}/`))
      send(response, cors, statistics(this.#context, request.method, path))
    else this.#page(request, response, cors)
  }

  #page({ path, method }: Request, response: Response, cors: string): void {
    const { service, version } = this.#context
    if (path === '/version') {
      if (method !== 'GET') send(response, cors, methodNotAllowed(['GET']))
      else {
        const cluster = service.clusterVersion ?? 'not_decided'
        send(response, cors, jsonReply(200, `{"etcdserver":"${version}","etcdcluster":"${cluster}"}`))
      }
    } else if (path === '/metrics') {
      if (method === 'GET') response.end(200, cors + METRICS_HEAD, this.#metrics.text())
      else send(response, cors, methodNotAllowed(['GET']))
    } else if (path === '/debug/vars') {
      if (method === 'GET')
        response.end(200, cors + VARIABLES_HEAD, renderVariables(service, variableFacts()))
      else send(response, cors, methodNotAllowed(['GET']))
    } else if (path === '/v2/machines') {
      if (method !== 'GET' && method !== 'HEAD') send(response, cors, methodNotAllowed(['GET', 'HEAD']))
      else response.end(200, cors + TEXT_TYPE, renderMachines(service.members()))
    } else send(response, cors, notFound())
  }

  #health({ method }: Request, response: Response, cors: string): void {
    if (method !== 'GET') {
      send(response, cors, methodNotAllowed(['GET']))
      return
    }
    const { service, traffic } = this.#context
    if (service.leader === '' || service.isFull) {
      traffic.health(false)
      send(response, cors, textError(503, '{"health":"false"}'))
      return
    }
    service.checkHealth(HEALTH_TIMEOUT_MS, isHealthy => {
      traffic.health(isHealthy)
      if (isHealthy) response.end(200, cors + TEXT_TYPE, '{"health":"true"}')
      else send(response, cors, textError(503, '{"health":"false"}'))
    })
  }

  #logLevel(request: Request, response: Response, cors: string): void {
    if (request.method !== 'PUT') {
      send(response, cors, methodNotAllowed(['PUT']))
      return
    }
    let level: unknown
    try {
      level = (JSON.parse(request.body.toString('utf8')) as { Level?: unknown } | null)?.Level
    } catch {
      response.end(400, cors + JSON_TYPE, '{"message":"Invalid json body"}')
      return
    }
    if (typeof level !== 'string' || !this.#setLogLevel(level))
      send(response, cors, jsonMessage(400, `Invalid log level ${typeof level === 'string' ? level : ''}`))
    else response.end(204, cors)
  }

  /** What comes encrypted has proved whom it means by the certificate it has accepted. */
  #mayAsk(request: Request, hosts: ReadonlySet<string>): boolean {
    if (request.peer?.isEncrypted === true) return true
    return hosts.has((request.header('host') ?? '').replace(PORT, ''))
  }
}

function isBelow(path: string, folder: string): boolean {
  return path.startsWith(folder) && (path.length === folder.length || path[folder.length] === '/')
}
