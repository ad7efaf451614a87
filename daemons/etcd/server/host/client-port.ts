import type { Request } from '#lib/http/request.ts'
import type { Response } from '#lib/http/response.ts'

/** Requests that wait for the member to be ready; more are told to come again. */
const WAITING_MAX = 1024

/** Answers requests of clients. */
export type Handler = (request: Request, response: Response) => void

/**
 * The door of the client port: it takes requests from the moment the port listens, and passes them on when there is
 * somebody to answer them.
 */
export class Door {
  #handler: Handler | undefined
  #waiting: [Request, Response][] = []

  readonly answer: Handler = (request, response) => {
    if (this.#handler !== undefined) this.#handler(request, response)
    else if (this.#waiting.length < WAITING_MAX) this.#waiting.push([request, response])
    else response.end(503, '', 'the server has not started\n')
  }

  /** Somebody answers from now on. */
  open(handler: Handler): void {
    this.#handler = handler
    for (const [request, response] of this.#waiting.splice(0)) handler(request, response)
  }
}
