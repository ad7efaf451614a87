import { compactBody } from '#lib/fleet/shapes.ts'
import { FLEET_VERSION } from '#lib/fleet/version.ts'
import { headerBlock } from '#lib/http/header.ts'

/** A whole answer. */
export interface Answer {
  status: number
  /** Of Content-Type; undefined for none. */
  type: string | undefined
  body: string
  /** After how many seconds the same question may get another answer; undefined when nobody knows. */
  retrySeconds?: number | undefined
}

/** A refusal that the client is told of, with its HTTP status. */
export class ApiRefusal extends Error {
  readonly status: number
  readonly retrySeconds: number | undefined

  constructor(status: number, message: string, retrySeconds?: number) {
    super(message)
    this.name = 'ApiRefusal'
    this.status = status
    this.retrySeconds = retrySeconds
  }
}

/** Of a refusal that will pass by itself: the store answers, but is late. */
export const SOON_SECONDS = 1

const JSON_TYPE = 'application/json'

/** Header lines of an answer. */
export function headersOf(type: string | undefined, retrySeconds?: number): string {
  const headers: [name: string, value: string][] = [['Server', `fleetd/${FLEET_VERSION}`]]
  if (type !== undefined) headers.unshift(['Content-Type', type])
  if (retrySeconds !== undefined) headers.push(['Retry-After', String(retrySeconds)])
  return headerBlock(headers)
}

/** JSON, compact, keys of each object in the order of the alphabet, as the original's come out. */
export function json(status: number, value: unknown): Answer {
  return { status, type: JSON_TYPE, body: JSON.stringify(compactBody(value)) }
}

/** `{"error":{"code":404,"message":"…"}}` */
export function refusal(status: number, message = '', retrySeconds?: number): Answer {
  // Unlike other fields, the message is there even when it says nothing.
  return {
    status,
    type: JSON_TYPE,
    body: JSON.stringify({ error: { code: status, message } }),
    retrySeconds,
  }
}

/** An answer without a body. */
export function bare(status: number, type?: string): Answer {
  return { status, type, body: '' }
}
