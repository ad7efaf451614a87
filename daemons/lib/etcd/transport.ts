import type { EtcdRequest } from './request.ts'
import type { Reply } from './response.ts'

/** How one request is sent to one endpoint. */
export interface SendOptions {
  /** Ends the request; its reason is what the promise rejects with. */
  signal: AbortSignal
  /** Time until the status line has come; 0 is no limit. */
  headerTimeoutMs: number
  /** Value of the Authorization header, or undefined. */
  authorization: string | undefined
}

/** Takes a request to an endpoint and brings the whole answer back. */
export interface Transport {
  /**
   * @param endpoint base URL
   * @throws EndpointError when no answer came
   */
  send(endpoint: string, request: EtcdRequest, options: SendOptions): Promise<Reply>
  /** Ends idle connections, so that the program can end. */
  close(): void
}
