import { parseMediaType } from '#lib/http/media-type.ts'
import { methodNotAllowed } from '#lib/http/reply.ts'
import type { Request } from '#lib/http/request.ts'
import type { Response } from '#lib/http/response.ts'
import type { Guard } from '../auth/guard.ts'
import { Failure, type MemberService } from '../member/service.ts'
import { type Answer, answerError, answerRead, answerWrite } from '../store/answer.ts'
import { INVALID_FORM, RAFT_INTERNAL, StoreError, UNAUTHORIZED } from '../store/errors.ts'
import { decodePath } from '../store/form.ts'
import {
  type KeysRequest,
  type Method,
  type ReadRequest,
  readRequest,
  type WriteRequest,
} from '../store/request.ts'
import { type ApiContext, clusterHeader, JSON_TYPE, send } from './context.ts'
import { type Kind, kindOf, type Traffic } from './traffic.ts'
import type { Watches } from './watches.ts'

/** Where the keys are. */
export const KEYS = '/v2/keys'
/** Of a form, as Go takes it. */
export const FORM_BYTES_MAX = 10 * 1024 * 1024
const FORM_TYPE = 'application/x-www-form-urlencoded'
/** In the order in which the original names them. */
const METHODS: readonly string[] = ['HEAD', 'GET', 'PUT', 'POST', 'DELETE']

/**
 * `/v2/keys` (specification §2, §3): requests to operations, reads and watches, and what these led to back to answers.
 * Nearly everything a server is asked comes through here, hence the headers made in advance.
 */
export class Keys {
  readonly #service: MemberService
  readonly #now: () => number
  readonly #watches: Watches
  readonly #guard: Guard
  readonly #clock: () => number
  readonly #traffic: Traffic
  /** Type and cluster. */
  readonly #head: string

  constructor({ service, now, clock, traffic }: ApiContext, watches: Watches, guard: Guard) {
    this.#guard = guard
    this.#clock = clock
    this.#traffic = traffic
    this.#service = service
    this.#now = now
    this.#watches = watches
    this.#head = JSON_TYPE + clusterHeader(service)
  }

  answer(request: Request, response: Response, cors: string): void {
    const { method, path, query } = request
    if (!METHODS.includes(method)) {
      send(response, cors, methodNotAllowed(METHODS))
      return
    }
    if (request.bodyTooLarge) {
      this.#refuse(response, cors, new StoreError(INVALID_FORM, 'http: request body too large', 0))
      return
    }
    const has = hasForm(request)
    if (typeof has === 'string') {
      this.#refuse(response, cors, new StoreError(INVALID_FORM, has, 0))
      return
    }
    const form = has ? request.bodyLatin1() : ''
    // The server has looked at the escapes of the path.
    const key = decodePath(path.slice(KEYS.length)) ?? ''
    const wanted = readRequest(method as Method, key, query, form, this.#now())
    if (wanted instanceof StoreError) {
      this.#refuse(response, cors, wanted)
      return
    }
    const kind = kindOf(wanted, method)
    if (this.#guard.isOpen) this.#do(wanted, response, cors, kind)
    else
      this.#guard.mayUse(request, key, method !== 'GET' && method !== 'HEAD', isRecursive(wanted), may => {
        if (response.isGone) return
        if (may) this.#do(wanted, response, cors, kind)
        else this.#refuse(response, cors, new StoreError(UNAUTHORIZED, 'Insufficient credentials', 0))
      })
  }

  #do(wanted: KeysRequest, response: Response, cors: string, kind: Kind): void {
    this.#traffic.received(kind)
    if (wanted.kind === 'write') this.#write(wanted, response, cors, kind)
    else if (wanted.kind === 'read') this.#read(wanted, response, cors, kind)
    else {
      const refused = this.#watches.begin(wanted, response, cors)
      if (refused === undefined) this.#traffic.watched()
      else this.#finish(response, cors, answerError(refused), kind, 0)
    }
  }

  #write({ operation, noValueOnSuccess }: WriteRequest, response: Response, cors: string, kind: Kind): void {
    const beganMs = this.#clock()
    this.#service.write(operation, result => {
      if (result instanceof Failure) this.#finish(response, cors, answerFailure(result), kind, beganMs)
      else if (result !== undefined)
        this.#finish(response, cors, answerWrite(result, noValueOnSuccess, this.#now()), kind, beganMs)
    })
  }

  #read(wanted: ReadRequest, response: Response, cors: string, kind: Kind): void {
    const service = this.#service
    const beganMs = this.#clock()
    if (!wanted.quorum) {
      this.#finish(response, cors, answerRead(service.store, wanted, this.#now()), kind, beganMs)
      return
    }
    service.readBarrier(failure => {
      if (failure !== undefined) this.#finish(response, cors, answerFailure(failure), kind, beganMs)
      else this.#finish(response, cors, answerRead(service.store, wanted, this.#now()), kind, beganMs)
    })
  }

  /** Counts and sends. */
  #finish(response: Response, cors: string, answer: Answer, kind: Kind, beganMs: number): void {
    if (answer.isError) this.#traffic.failed(kind, answer.status)
    else this.#traffic.succeeded(kind, this.#clock() - beganMs)
    this.#send(response, cors, answer)
  }

  #refuse(response: Response, cors: string, error: StoreError): void {
    this.#send(response, cors, answerError(error))
  }

  #send(response: Response, cors: string, { status, index, isError, body }: Answer): void {
    const head = `${cors + this.#head}X-Etcd-Index: ${index}\r\n`
    response.end(status, isError ? head : head + raftHeaders(this.#service), body)
  }
}

function answerFailure(failure: Failure): Answer {
  return answerError(new StoreError(RAFT_INTERNAL, failure.text, 0))
}

/** Whether it is about all below a key too. */
function isRecursive(wanted: KeysRequest): boolean {
  if (wanted.kind !== 'write') return wanted.recursive
  return wanted.operation.type === 'delete' && wanted.operation.recursive
}

/** How far this member is: goes with what the store has answered. */
export function raftHeaders({ committedIndex, term }: MemberService): string {
  return `X-Raft-Index: ${committedIndex}\r\nX-Raft-Term: ${term}\r\n`
}

/** Whether the body is a form: any other is as good as none (specification §0). Or what is wrong with its type. */
function hasForm(request: Request): boolean | string {
  if (request.method !== 'PUT' && request.method !== 'POST') return false
  const type = request.header('content-type')
  if (type === undefined) return false
  if (type === FORM_TYPE) return request.bodyBytes > 0
  const read = parseMediaType(type)
  if ('problem' in read) return read.problem
  return read.type === FORM_TYPE && request.bodyBytes > 0
}
