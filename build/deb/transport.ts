import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { setTimeout as delay } from 'node:timers/promises'
import { UserError } from '#lib/errors.ts'

/** How long a server may keep silent, in milliseconds, before the attempt counts as failed. */
const STALL_MS_MAX = 30_000
const REDIRECTS_MAX = 5
/** Connections to one server. */
export const PARALLEL_MAX = 6
/** Of a file that is kept in memory. */
const BODY_BYTES_MAX = 64 * 1024 * 1024

/** How often a failed transfer is tried again. */
export interface Retries {
  attempts: number
  /** Wait before the second attempt; doubles each time. */
  backoffMs: number
}

const RETRIES: Retries = { attempts: 5, backoffMs: 500 }

/** The server says that there is no such file. */
export class NotFoundError extends Error {
  override readonly name = 'NotFoundError'
}

/** A failure that may pass: worth another attempt. */
export class TransientError extends Error {
  override readonly name = 'TransientError'
}

/** How to reach servers; the defaults are for real ones. */
export interface TransportOptions {
  /** HTTP proxy, beyond what the environment says. */
  proxy?: string | undefined
  /** Where `http_proxy`, `https_proxy` and `no_proxy` are looked up. */
  environment?: Record<string, string | undefined>
  retries?: Retries
  stallMs?: number
}

/** Fetches from HTTP and HTTPS servers, over few connections that are kept. */
export class Transport {
  readonly retries: Retries
  readonly #http: HttpAgent
  readonly #https: HttpsAgent
  readonly #stallMs: number

  constructor(options: TransportOptions = {}) {
    this.retries = options.retries ?? RETRIES
    this.#stallMs = options.stallMs ?? STALL_MS_MAX
    const proxyEnv: Record<string, string | undefined> = { ...(options.environment ?? process.env) }
    if (options.proxy !== undefined) {
      proxyEnv['http_proxy'] = options.proxy
      proxyEnv['https_proxy'] ??= options.proxy
    }
    const settings = { keepAlive: true, maxSockets: PARALLEL_MAX, proxyEnv }
    this.#http = new HttpAgent(settings)
    this.#https = new HttpsAgent(settings)
  }

  close(): void {
    this.#http.destroy()
    this.#https.destroy()
  }

  /**
   * One attempt; resolves when the headers are there. The caller reads or destroys the body.
   *
   * @param from first byte wanted; the answer's status tells whether the server heeded it (206) or not (200)
   * @throws NotFoundError, TransientError, or UserError when asking again would not help
   */
  async get(
    url: string,
    options: { from?: number; signal?: AbortSignal | undefined } = {},
  ): Promise<IncomingMessage> {
    let target = url
    for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects += 1) {
      const response = await this.#request(target, options)
      const status = response.statusCode ?? 0
      if (status === 200 || status === 206 || status === 416) return response
      response.resume()
      const location = response.headers.location
      if ([301, 302, 303, 307, 308].includes(status) && location !== undefined) {
        target = new URL(location, target).href
        continue
      }
      if (status === 404 || status === 410) throw new NotFoundError(`${url}: not found`)
      const problem = `${url}: the server answers ${status} ${response.statusMessage ?? ''}`.trim()
      if (status >= 500 || status === 408 || status === 429) throw new TransientError(problem)
      throw new UserError(problem, 'check the mirror')
    }
    throw new UserError(`${url}: more than ${REDIRECTS_MAX} redirects`, 'check the mirror')
  }

  /**
   * A whole file in memory.
   *
   * @throws NotFoundError; UserError when it cannot be had
   */
  async read(url: string, signal?: AbortSignal): Promise<Buffer> {
    return await this.withRetries(signal, async () => {
      const chunks: Buffer[] = []
      let size = 0
      try {
        for await (const chunk of await this.get(url, { signal })) {
          chunks.push(chunk)
          size += chunk.length
          if (size > BODY_BYTES_MAX)
            throw new UserError(`${url}: is larger than ${BODY_BYTES_MAX} bytes`, 'check the mirror')
        }
      } catch (error) {
        throw asTransient(url, error, signal)
      }
      return Buffer.concat(chunks)
    })
  }

  /** Runs attempts until one succeeds or the failure is not of the passing kind. */
  async withRetries<T>(signal: AbortSignal | undefined, attempt: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      signal?.throwIfAborted()
      try {
        return await attempt()
      } catch (error) {
        signal?.throwIfAborted()
        if (!(error instanceof TransientError)) throw error
        if (tries >= this.retries.attempts) {
          throw new UserError(
            `cannot fetch ${error.message} (tried ${tries} times)`,
            'check the network, or name another mirror with ORLOP_DEBIAN_MIRROR and ORLOP_DEBIAN_SECURITY_MIRROR',
          )
        }
      }
      await delay(
        this.retries.backoffMs * 2 ** (tries - 1),
        undefined,
        signal === undefined ? {} : { signal },
      ).catch(() => signal?.throwIfAborted())
    }
  }

  async #request(
    url: string,
    options: { from?: number; signal?: AbortSignal | undefined },
  ): Promise<IncomingMessage> {
    const secure = url.startsWith('https:')
    const headers: Record<string, string> = { 'user-agent': 'orlop', accept: '*/*' }
    if (options.from !== undefined && options.from > 0) headers['range'] = `bytes=${options.from}-`
    return await new Promise((resolve, reject) => {
      let response: IncomingMessage | undefined
      const request = (secure ? httpsRequest : httpRequest)(url, {
        headers,
        agent: secure ? this.#https : this.#http,
        timeout: this.#stallMs,
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      })
      // Stays on after the headers, so a body that stalls is cut off too.
      request.on('timeout', () => {
        const error = new Error(`the server sent nothing for ${this.#stallMs / 1000} s`)
        if (response === undefined) request.destroy(error)
        else response.destroy(error)
      })
      request.on('error', error => reject(asTransient(url, error, options.signal)))
      request.on('response', message => {
        response = message
        resolve(message)
      })
      request.end()
    })
  }
}

/** What a broken transfer means: an abort stays one, what was decided already stays, everything else may pass. */
export function asTransient(url: string, error: unknown, signal?: AbortSignal): unknown {
  if (signal?.aborted) return signal.reason
  if (error instanceof UserError || error instanceof NotFoundError || error instanceof TransientError)
    return error
  if (!(error instanceof Error)) return error
  const inner = error instanceof AggregateError ? error.errors[0] : error
  return new TransientError(`${url}: ${inner.message || 'connection failed'}`)
}
