import { createHash } from 'node:crypto'
import { type ClientRequest, request as requestHttp } from 'node:http'
import { type RequestOptions, request as requestHttps } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { errorCode, UserError } from '#lib/errors.ts'
import type { Remote } from '../../plan/plan.ts'
import { shown } from '../shown.ts'

/** How long things may take; tests have less patience. */
export interface FetchTiming {
  /** Of silence: to the connection, to the answer, and between its parts. */
  silenceMs: number
  /** After the first failure; doubled with each. */
  backoffMs: number
  backoffMaxMs: number
  triesMax: number
  /** For all tries together. */
  deadlineMs: number
}

/** How something is fetched. */
export interface FetchOptions extends Partial<Pick<Remote, 'headers' | 'compression' | 'hash'>> {
  method?: 'GET' | 'PUT'
  /** Of the answer, and again of what is in it when it is packed. */
  bytesMax?: number
  signal?: AbortSignal
  timing?: Partial<FetchTiming>
  /** Authorities for https beside those of Node, as PEM. */
  ca?: string
  /** One line for each try that failed. */
  log?: (line: string) => void
}

/** That something could not be fetched; `status` when a server has answered. */
export class FetchError extends UserError {
  readonly status: number | undefined

  constructor(message: string, status?: number) {
    super(message)
    this.status = status
  }
}

/** As the original did it, with an end for all of it. */
export const FETCH_TIMING: FetchTiming = {
  silenceMs: 10_000,
  backoffMs: 50,
  backoffMaxMs: 5000,
  triesMax: 15,
  deadlineMs: 300_000,
}
const BYTES_MAX = 16 * 1024 * 1024
const REDIRECTS_MAX = 5
const REDIRECTS = new Set([301, 302, 303, 307, 308])
const REASONS = new Map([
  ['ECONNREFUSED', 'the connection is refused'],
  ['ECONNRESET', 'the connection broke'],
  ['EHOSTUNREACH', 'the host cannot be reached'],
  ['ENETUNREACH', 'the network cannot be reached'],
  ['ENOTFOUND', 'the name is not known'],
  ['EAI_AGAIN', 'the name cannot be looked up now'],
  ['ETIMEDOUT', 'the connection takes too long'],
])

/**
 * Fetches what is behind a URL of http or https. A server that fails (5xx) or can not be reached is tried again; any
 * other answer but 2xx is final, and so is a wrong hash. Redirects are followed, but never from https to http, and
 * headers are not shown to another server. A proxy is not used.
 *
 * @throws FetchError in one line with the URL (without its password)
 */
export async function fetchUrl(url: string, options: FetchOptions = {}): Promise<Uint8Array> {
  const timing = { ...FETCH_TIMING, ...options.timing }
  const place = shownUrl(url)
  const start = parseUrl(url)
  const deadline = AbortSignal.timeout(timing.deadlineMs)
  const signal = options.signal === undefined ? deadline : AbortSignal.any([deadline, options.signal])
  let reason = ''
  for (let attempt = 1; attempt <= timing.triesMax; attempt++) {
    try {
      const bytes = await fetchOnce(start, options, timing, signal)
      return await check(bytes, options)
    } catch (error) {
      if (error instanceof FetchError) throw new FetchError(`${place}: ${error.message}`, error.status)
      if (options.signal?.aborted) throw new FetchError(`${place}: given up`)
      if (deadline.aborted)
        throw new FetchError(
          `${place}: not fetched in ${timing.deadlineMs / 1000} s${reason && `: ${reason}`}`,
        )
      reason = reasonOf(error)
    }
    if (attempt === timing.triesMax) break
    const waitMs = Math.min(timing.backoffMs * 2 ** (attempt - 1), timing.backoffMaxMs)
    options.log?.(`${place}: ${reason}; try ${attempt + 1} of ${timing.triesMax} in ${waitMs} ms`)
    // An abort is seen by the next try.
    await sleep(waitMs, undefined, { signal }).catch(() => undefined)
  }
  throw new FetchError(`${place}: ${reason} (tried ${timing.triesMax} times)`)
}

/** A URL for messages: without the password that may be in it. */
export function shownUrl(url: string): string {
  return shown(url.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, '$1'))
}

function parseUrl(url: string): URL {
  const parsed = URL.parse(url)
  if (parsed === null) throw new FetchError(`${shownUrl(url)}: is no URL`)
  if (parsed.protocol === 'http:' || parsed.protocol === 'https:') return parsed
  throw new FetchError(
    `${shownUrl(url)}: ${parsed.protocol.slice(0, -1)} is not supported; use http or https`,
  )
}

/** One try with its redirects. A `FetchError` is final, any other is worth another try. */
async function fetchOnce(
  start: URL,
  options: FetchOptions,
  timing: FetchTiming,
  signal: AbortSignal,
): Promise<Buffer> {
  let url = start
  for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects++) {
    const answer = await exchange(url, start.origin === url.origin, options, timing, signal)
    if (answer.body !== undefined) return answer.body
    const next = URL.parse(answer.location, url.href)
    if (next === null)
      throw new FetchError(`is redirected to '${shownUrl(answer.location)}', which is no URL`)
    if (url.protocol === 'https:' && next.protocol !== 'https:')
      throw new FetchError(`is redirected from https to ${shownUrl(next.href)}`)
    url = parseUrl(next.href)
  }
  throw new FetchError(`is redirected more than ${REDIRECTS_MAX} times`)
}

type Answer = { body: Buffer } | { body?: undefined; location: string }

function exchange(
  url: URL,
  isSameServer: boolean,
  options: FetchOptions,
  timing: FetchTiming,
  signal: AbortSignal,
): Promise<Answer> {
  const { method = 'GET', bytesMax = BYTES_MAX, ca } = options
  const own = isSameServer ? (options.headers ?? []) : []
  // What is fetched is taken as it is: servers say of files *.gz that they are packed in transit.
  const headers = Object.fromEntries([
    ['User-Agent', 'orlop-cloudinit'],
    ['Accept-Encoding', 'identity'],
    ['Content-Length', '0'],
    ...own.map(({ name, value }) => [name, value] as const),
  ])
  if (method === 'GET') delete headers['Content-Length']
  return new Promise((resolve, reject) => {
    const call = openRequest(url, {
      method,
      headers,
      signal,
      agent: false,
      ...(ca === undefined ? {} : { ca }),
    })
    const fail = (error: Error) => {
      clearTimeout(silence)
      reject(error)
      call.destroy()
    }
    const silence = setTimeout(
      () => fail(new Error(`no answer for ${timing.silenceMs / 1000} s`)),
      timing.silenceMs,
    )
    call.on('error', fail)
    call.on('response', response => {
      const { statusCode: status = 0, headers } = response
      silence.refresh()
      if (status >= 500) return fail(new Error(`the server answers ${status}`))
      if (REDIRECTS.has(status) && headers.location !== undefined && method === 'GET') {
        resolve({ location: headers.location })
        clearTimeout(silence)
        return call.destroy()
      }
      if (status < 200 || status > 299) return fail(new FetchError(`the server answers ${status}`, status))
      if (Number(headers['content-length'] ?? 0) > bytesMax) return fail(tooLong(bytesMax))
      const parts: Buffer[] = []
      let length = 0
      response.on('data', (part: Buffer) => {
        silence.refresh()
        length += part.length
        if (length > bytesMax) fail(tooLong(bytesMax))
        else parts.push(part)
      })
      response.on('error', fail)
      response.on('end', () => {
        clearTimeout(silence)
        resolve({ body: Buffer.concat(parts) })
      })
    })
    call.end()
  })
}

/** A header that can not be sent will not be sendable the next time. */
function openRequest(url: URL, options: RequestOptions): ClientRequest {
  try {
    return url.protocol === 'https:' ? requestHttps(url, options) : requestHttp(url, options)
  } catch (error) {
    throw new FetchError(error instanceof Error ? error.message : String(error))
  }
}

async function check(
  bytes: Buffer,
  { compression, hash, bytesMax = BYTES_MAX }: FetchOptions,
): Promise<Uint8Array> {
  let content: Uint8Array = bytes
  if (compression === 'gzip')
    try {
      content = await promisify(gunzip)(bytes, { maxOutputLength: bytesMax })
    } catch (error) {
      if (errorCode(error) === 'ERR_BUFFER_TOO_LARGE') throw tooLong(bytesMax)
      throw new FetchError('is no gzip')
    }
  if (hash === undefined) return content
  const digest = createHash(hash.algorithm).update(content).digest('hex')
  if (digest === hash.digest) return content
  throw new FetchError(`has ${hash.algorithm} ${digest}, not ${hash.digest}`)
}

function tooLong(bytesMax: number): FetchError {
  return new FetchError(`is longer than ${bytesMax} bytes`)
}

function reasonOf(error: unknown): string {
  const code = errorCode(error)
  return (
    REASONS.get(code ?? '') ?? (error instanceof Error && error.message !== '' ? error.message : `${code}`)
  )
}
