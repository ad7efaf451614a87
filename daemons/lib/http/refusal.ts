/** Why a request is not understood. The connection ends after the answer: where the next one begins is unknown. */
export class Refusal {
  /** Status to answer with: 400, 408, 414, 417, 431, 501 or 505. */
  readonly status: number
  /** One clause for the client. */
  readonly reason: string

  constructor(status: number, reason: string) {
    this.status = status
    this.reason = reason
  }
}

/** A request that breaks the grammar of RFC 9112, or that two readers could read differently. */
export function malformed(reason: string): Refusal {
  return new Refusal(400, reason)
}
