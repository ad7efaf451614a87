import type { ApiReply, ApiStream, ApiTransport, Io } from '../io.ts'

/** How long it is gone on. */
export interface Patience {
  io: Pick<Io, 'now' | 'sleep'>
  /** What the user gives one request; 0 is no limit. */
  timeoutMs: number
}

/** Service Unavailable: for a while, says the answer, where it has a Retry-After. */
const UNAVAILABLE = 503
/** Also where the user sets no limit. */
const TRYING_MS_MAX = 60_000
/** Of one pause. A server that asks for a longer one is not waited for. */
const PAUSE_MS_MAX = 10_000

/**
 * Asks again what the API refuses for the moment, as while its store is late, until the time of one request is over. The
 * API refuses so before it has done anything, and does a thing once that is asked for twice: PUT and DELETE as well as GET.
 */
export function patientApi(transport: ApiTransport, { io, timeoutMs }: Patience): ApiTransport {
  const tryingMs = timeoutMs === 0 ? TRYING_MS_MAX : Math.min(timeoutMs, TRYING_MS_MAX)
  const patiently = async <T extends ApiReply | ApiStream>(ask: () => Promise<T>): Promise<T> => {
    const endMs = io.now() + tryingMs
    for (;;) {
      const reply = await ask()
      const pauseMs = reply.status === UNAVAILABLE ? pauseOf(reply.retryAfter) : undefined
      if (pauseMs === undefined || io.now() + pauseMs >= endMs) return reply
      // An answer that nobody reads to its end keeps its connection.
      if ('lines' in reply) for await (const _ of reply.lines);
      await io.sleep(pauseMs)
    }
  }
  return {
    request: async (method, path, body) => await patiently(() => transport.request(method, path, body)),
    stream: async path => await patiently(() => transport.stream(path)),
    close: () => transport.close(),
  }
}

/** Of the header's seconds (RFC 9110 10.2.3); undefined for none, and for a date, which no fleetd sends. */
function pauseOf(retryAfter: string | undefined): number | undefined {
  if (retryAfter === undefined || !/^\d{1,5}$/.test(retryAfter)) return undefined
  const pauseMs = Number(retryAfter) * 1000
  return pauseMs <= PAUSE_MS_MAX ? pauseMs : undefined
}
