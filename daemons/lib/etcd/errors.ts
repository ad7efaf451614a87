/** Codes of the v2 API that clients decide by. */
export const ErrorCode = {
  keyNotFound: 100,
  compareFailed: 101,
  notFile: 102,
  notDirectory: 104,
  alreadyExists: 105,
  rootReadOnly: 107,
  directoryNotEmpty: 108,
  unauthorized: 110,
  raftInternal: 300,
  watcherCleared: 400,
  historyCleared: 401,
} as const

/** An error that a member answered for an operation on keys. Its message is `100: Key not found (/x) [4]`. */
export class EtcdError extends Error {
  readonly code: number
  /** The sentence that belongs to the code. */
  readonly summary: string
  /** What it is about: a key, a comparison, or `''`. */
  readonly about: string
  /** The index of the store when it was refused; 0 when the store was not reached. */
  readonly index: number

  constructor(code: number, summary: string, about: string, index: number) {
    super(`${code}: ${summary} (${about}) [${index}]`)
    this.name = 'EtcdError'
    this.code = code
    this.summary = summary
    this.about = about
    this.index = index
  }
}

/** Whether `error` is the answer of a member with this code, such as `ErrorCode.keyNotFound`. */
export function hasCode(error: unknown, code: number): error is EtcdError {
  return error instanceof EtcdError && error.code === code
}

/** An error that the members or auth API answered in words. */
export class ApiError extends Error {
  /** HTTP status. */
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.name = 'ApiError'
    this.status = status
  }
}

/** An answer that no etcd gives. */
export class ProtocolError extends Error {
  constructor(
    message = 'client: response is invalid json. The endpoint is probably not valid etcd cluster endpoint',
  ) {
    super(message)
    this.name = 'ProtocolError'
  }
}

/** One endpoint did not serve a request. */
export class EndpointError extends Error {
  /** No connection came about, so that the request was certainly not executed. */
  readonly unreachable: boolean

  constructor(message: string, unreachable: boolean, options?: ErrorOptions) {
    super(message, options)
    this.name = 'EndpointError'
    this.unreachable = unreachable
  }
}

/** No endpoint served the request. A write may have been executed unless every error is `unreachable`. */
export class ClusterError extends Error {
  readonly errors: readonly Error[]

  constructor(errors: readonly Error[]) {
    // The form is the original's, line ends included: scripts look for parts of it.
    const list = errors.map((error, index) => `; error #${index}: ${error.message}\n`)
    super(`client: etcd cluster is unavailable or misconfigured${list.join('')}`)
    this.name = 'ClusterError'
    this.errors = errors
  }

  /** One line for each endpoint. */
  get detail(): string {
    return this.errors.map((error, index) => `error #${index}: ${error.message}\n`).join('')
  }
}

/** There is nobody to ask: no endpoint was given, or no member publishes one. */
export class NoEndpointsError extends Error {
  constructor() {
    super('client: no endpoints available')
    this.name = 'NoEndpointsError'
  }
}

/** The caller's time for the whole operation is over. A write may have been executed. */
export class DeadlineError extends Error {
  constructor() {
    super('context deadline exceeded')
    this.name = 'DeadlineError'
  }
}

/** The caller gave up. A write may have been executed. */
export class CancelledError extends Error {
  constructor() {
    super('context canceled')
    this.name = 'CancelledError'
  }
}

/** Whether nobody could be reached, as opposed to somebody who answered badly. */
export function isUnreachable(error: unknown): boolean {
  if (error instanceof ClusterError) return error.errors.every(isUnreachable)
  return error instanceof DeadlineError || (error instanceof EndpointError && error.unreachable)
}

/** What a client of the store gave in place of an answer, in one line; undefined for an error of another kind. */
export function storeSentence(error: unknown): string | undefined {
  if (error instanceof ClusterError)
    return `etcd does not answer: ${error.errors.map(({ message }) => message).join('; ')}`
  if (error instanceof EtcdError) return `etcd refuses: ${error.message}`
  const isKnown = [ProtocolError, EndpointError, DeadlineError, NoEndpointsError].some(
    kind => error instanceof kind,
  )
  return isKnown ? `etcd does not answer: ${(error as Error).message}` : undefined
}
