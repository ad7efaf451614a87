import { compactBody } from '#lib/fleet/shapes.ts'
import { FLEET_VERSION } from '#lib/fleet/version.ts'
import { headerBlock } from '#lib/http/header.ts'

/** A whole answer. */
export interface Answer {
  status: number
  /** Of Content-Type; undefined for none. */
  type: string | undefined
  body: string
}

/** A refusal that the client is told of, with its HTTP status. */
export class ApiRefusal extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.name = 'ApiRefusal'
    this.status = status
  }
}

const JSON_TYPE = 'application/json'

/** Header lines of an answer. */
export function headersOf(type: string | undefined): string {
  const server = ['Server', `fleetd/${FLEET_VERSION}`] as const
  return headerBlock(type === undefined ? [server] : [['Content-Type', type], server])
}

/** JSON, compact, keys of each object in the order of the alphabet, as the original's come out. */
export function json(status: number, value: unknown): Answer {
  return { status, type: JSON_TYPE, body: JSON.stringify(compactBody(value)) }
}

/** `{"error":{"code":404,"message":"…"}}` */
export function refusal(status: number, message = ''): Answer {
  // Unlike other fields, the message is there even when it says nothing.
  return { status, type: JSON_TYPE, body: JSON.stringify({ error: { code: status, message } }) }
}

/** An answer without a body. */
export function bare(status: number, type?: string): Answer {
  return { status, type, body: '' }
}
