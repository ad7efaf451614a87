import {
  type EventBody,
  type MachineBody,
  type Page,
  type RestartBody,
  type StatusBody,
  type UnitBody,
  type UnitStateBody,
  type WhyBody,
  wholeUnit,
} from '#lib/fleet/shapes.ts'
import { type Client, type JournalOptions, RequestError } from '../client.ts'
import type { ApiReply, ApiTransport } from '../io.ts'

/** What the API answered in place of what was asked for, in the words of the original's client. */
export class ApiFailure extends RequestError {
  readonly status: number

  constructor(status: number, message: string) {
    super(`googleapi: Error ${status}: ${message}`)
    this.status = status
  }
}

const PREFIX = '/fleet/v1'
/** A server that gives page after page without end is none. */
const PAGES_MAX = 100_000

/** A server without a way, or with machines that cannot go it. */
const UNKNOWN_WAY: readonly number[] = [404, 405, 501]
const EVENT_PREFIX = 'data: '

/** Through the HTTP API of a fleetd, ours or the original. */
export class ApiClient implements Client {
  readonly #transport: ApiTransport

  constructor(transport: ApiTransport) {
    this.#transport = transport
  }

  async units(): Promise<UnitBody[]> {
    return (await this.#list('units', page => page.units)).map(wholeUnit)
  }

  async states(name?: string): Promise<UnitStateBody[]> {
    const filter = name === undefined ? '' : `&unitName=${encodeURIComponent(name)}`
    return await this.#list('state', page => page.states, filter)
  }

  async machines(): Promise<MachineBody[]> {
    return await this.#list('machines', page => page.machines)
  }

  async unit(name: string): Promise<UnitBody | undefined> {
    const unit = await this.#find<UnitBody>(`units/${encodeURIComponent(name)}`)
    return unit === undefined ? undefined : wholeUnit(unit)
  }

  async put(unit: UnitBody): Promise<void> {
    check(await this.#send('PUT', `units/${encodeURIComponent(unit.name)}`, unit))
  }

  async destroy(name: string): Promise<boolean> {
    const reply = await this.#send('DELETE', `units/${encodeURIComponent(name)}`)
    if (reply.status === 404) return false
    check(reply)
    return true
  }

  async restart(name: string, body: RestartBody): Promise<string | undefined> {
    const reply = await this.#send('PUT', `units/${encodeURIComponent(name)}/restart`, body)
    if (UNKNOWN_WAY.includes(reply.status)) return undefined
    return (JSON.parse(check(reply).body) as RestartBody).id
  }

  async why(name: string): Promise<WhyBody | undefined> {
    return await this.#find<WhyBody>(`units/${encodeURIComponent(name)}/why`)
  }

  async status(name: string, machineId: string): Promise<StatusBody | undefined> {
    const query = `?machineID=${encodeURIComponent(machineId)}`
    return await this.#find<StatusBody>(`units/${encodeURIComponent(name)}/status${query}`)
  }

  async journal(name: string, options: JournalOptions): Promise<AsyncIterable<string> | undefined> {
    const query = new URLSearchParams({
      machineID: options.machineId,
      lines: String(options.lines),
      follow: String(options.follow),
      output: options.output,
    })
    return await this.#stream(`units/${encodeURIComponent(name)}/journal?${query.toString()}`)
  }

  async events(): Promise<AsyncIterable<EventBody> | undefined> {
    const lines = await this.#stream('events')
    return lines === undefined ? undefined : eventsOf(lines)
  }

  close(): void {
    this.#transport.close()
  }

  async #list<T>(resource: string, itemsOf: (page: Page) => T[] | undefined, filter = ''): Promise<T[]> {
    const items: T[] = []
    let token = ''
    for (let pages = 0; pages < PAGES_MAX; pages++) {
      const more = token === '' ? '' : `&nextPageToken=${encodeURIComponent(token)}`
      const page = JSON.parse(
        check(await this.#send('GET', `${resource}?alt=json${filter}${more}`)).body,
      ) as Page
      items.push(...(itemsOf(page) ?? []))
      token = page.nextPageToken ?? ''
      if (token === '') return items
    }
    throw new RequestError(`the listing of ${resource} does not end`)
  }

  async #find<T>(resource: string): Promise<T | undefined> {
    const reply = await this.#send('GET', resource)
    return reply.status === 404 ? undefined : (JSON.parse(check(reply).body) as T)
  }

  async #stream(resource: string): Promise<AsyncIterable<string> | undefined> {
    const { status, lines } = await this.#transport.stream(`${PREFIX}/${resource}`)
    if (status === 404) return undefined
    if (status === 200) return lines
    let body = ''
    for await (const line of lines) body += line
    check({ status, body })
    return lines
  }

  async #send(method: string, resource: string, body?: unknown): Promise<ApiReply> {
    const text = body === undefined ? undefined : JSON.stringify(body)
    return await this.#transport.request(method, `${PREFIX}/${resource}`, text)
  }
}

/** Of server-sent events, those of the cluster. */
async function* eventsOf(lines: AsyncIterable<string>): AsyncGenerator<EventBody> {
  for await (const line of lines) {
    if (line === 'event: lost')
      throw new RequestError('events came faster than they could be read; begin anew')
    if (line.startsWith(`${EVENT_PREFIX}{"`)) yield JSON.parse(line.slice(EVENT_PREFIX.length)) as EventBody
  }
}

function check(reply: ApiReply): ApiReply {
  if (reply.status < 300) return reply
  throw new ApiFailure(reply.status, messageOf(reply.body))
}

function messageOf(body: string): string {
  try {
    return (JSON.parse(body) as { error: { message: string } }).error.message
  } catch {
    return body.trim()
  }
}
