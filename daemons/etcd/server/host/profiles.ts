import { Session } from 'node:inspector/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { headerBlock } from '#lib/http/header.ts'
import { methodNotAllowed, notFound, type Reply, textError } from '#lib/http/reply.ts'
import type { Request } from '#lib/http/request.ts'
import type { Response } from '#lib/http/response.ts'

/** Below it are profiles; what the original has there is for tools of Go. */
export const PROFILES_PATH = '/debug/pprof/'

const SECONDS_DEFAULT = 30
const SECONDS_MAX = 600
const SAMPLE_BYTES = 32 * 1024
const INDEX = `profile?seconds=30  where time goes: save it as x.cpuprofile, open it in the tools of Chromium
heap?seconds=30     what is allocated meanwhile and still held: x.heapprofile
`

/** Profiles of this process, one at a time (`--enable-pprof`). */
export class Profiles {
  #isBusy = false

  /** Answers when the profile is there. */
  answer(request: Request, response: Response): void {
    void this.#reply(request).then(({ status, headers, body }) => response.end(status, headers, body))
  }

  async #reply(request: Request): Promise<Reply> {
    if (request.method !== 'GET') return methodNotAllowed(['GET'])
    const kind = request.path.slice(PROFILES_PATH.length)
    if (kind === '') return { ...textError(200, ''), body: INDEX }
    if (kind !== 'profile' && kind !== 'heap') return notFound()
    const seconds = Number(new URLSearchParams(request.query).get('seconds') || SECONDS_DEFAULT)
    if (!(seconds > 0 && seconds <= SECONDS_MAX))
      return textError(400, `seconds must be from 1 to ${SECONDS_MAX}`)
    if (this.#isBusy) return textError(500, 'another profile is being made')
    this.#isBusy = true
    try {
      const body = JSON.stringify(await record(kind, seconds * 1000))
      const file = kind === 'heap' ? 'etcd.heapprofile' : 'etcd.cpuprofile'
      const headers = headerBlock([
        ['Content-Type', 'application/json'],
        ['Content-Disposition', `attachment; filename="${file}"`],
      ])
      return { status: 200, headers, body }
    } catch (error) {
      return textError(500, `there is no profile: ${(error as Error).message}`)
    } finally {
      this.#isBusy = false
    }
  }
}

async function record(kind: 'profile' | 'heap', durationMs: number): Promise<object> {
  const session = new Session()
  session.connect()
  try {
    if (kind === 'heap') {
      await session.post('HeapProfiler.startSampling', { samplingInterval: SAMPLE_BYTES })
      await pause(durationMs)
      return (await session.post('HeapProfiler.stopSampling')).profile
    }
    await session.post('Profiler.enable')
    await session.post('Profiler.start')
    await pause(durationMs)
    return (await session.post('Profiler.stop')).profile
  } finally {
    session.disconnect()
  }
}
