import type {
  MachineBody,
  Page,
  RestartBody,
  StatusBody,
  UnitBody,
  UnitStateBody,
  WhyBody,
} from '#lib/fleet/shapes.ts'
import type { ApiReply, ApiTransport } from './io.ts'

/** What the API answered in place of what was asked for, in the words of the original's client. */
export class ApiFailure extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(`googleapi: Error ${status}: ${message}`)
    this.name = 'ApiFailure'
    this.status = status
  }
}

const PREFIX = '/fleet/v1'
/** A server that gives page after page without end is none. */
const PAGES_MAX = 100_000

/** The API, typed. */
export class ApiClient {
  readonly #transport: ApiTransport

  constructor(transport: ApiTransport) {
    this.#transport = transport
  }

  async units(): Promise<UnitBody[]> {
    return await this.#list('units', page => page.units)
  }

  async states(): Promise<UnitStateBody[]> {
    return await this.#list('state', page => page.states)
  }

  async machines(): Promise<MachineBody[]> {
    return await this.#list('machines', page => page.machines)
  }

  /** Undefined when there is no such unit. */
  async unit(name: string): Promise<UnitBody | undefined> {
    return await this.#find<UnitBody>(`units/${encodeURIComponent(name)}`)
  }

  async put(unit: UnitBody): Promise<void> {
    check(await this.#send('PUT', `units/${encodeURIComponent(unit.name)}`, unit))
  }

  /** False when there was none. */
  async destroy(name: string): Promise<boolean> {
    const reply = await this.#send('DELETE', `units/${encodeURIComponent(name)}`)
    if (reply.status === 404) return false
    check(reply)
    return true
  }

  /** The ID by which states tell that it is done; undefined from a server that cannot restart. */
  async restart(name: string, body: RestartBody): Promise<string | undefined> {
    const reply = await this.#send('PUT', `units/${encodeURIComponent(name)}/restart`, body)
    if (reply.status === 404 || reply.status === 405) return undefined
    return (JSON.parse(check(reply).body) as RestartBody).id
  }

  /** Undefined from a server that does not know the way, or has no such unit. */
  async why(name: string): Promise<WhyBody | undefined> {
    return await this.#find<WhyBody>(`units/${encodeURIComponent(name)}/why`)
  }

  /** Undefined from a server that does not know the way. */
  async status(name: string, machineId: string): Promise<StatusBody | undefined> {
    const query = `?machineID=${encodeURIComponent(machineId)}`
    return await this.#find<StatusBody>(`units/${encodeURIComponent(name)}/status${query}`)
  }

  /** Lines of a journal; undefined from a server that does not know the way. */
  async journal(
    name: string,
    options: { machineId: string; lines: number; follow: boolean; output: string },
  ): Promise<AsyncIterable<string> | undefined> {
    const query = new URLSearchParams({
      machineID: options.machineId,
      lines: String(options.lines),
      follow: String(options.follow),
      output: options.output,
    })
    return await this.#stream(`units/${encodeURIComponent(name)}/journal?${query.toString()}`)
  }

  /** Data of server-sent events; undefined from a server that does not know the way. */
  async events(): Promise<AsyncIterable<string> | undefined> {
    return await this.#stream('events')
  }

  close(): void {
    this.#transport.close()
  }

  async #list<T>(resource: string, itemsOf: (page: Page) => T[] | undefined): Promise<T[]> {
    const items: T[] = []
    let token = ''
    for (let pages = 0; pages < PAGES_MAX; pages++) {
      const more = token === '' ? '' : `&nextPageToken=${encodeURIComponent(token)}`
      const page = JSON.parse(check(await this.#send('GET', `${resource}?alt=json${more}`)).body) as Page
      items.push(...(itemsOf(page) ?? []))
      token = page.nextPageToken ?? ''
      if (token === '') return items
    }
    throw new Error(`the listing of ${resource} does not end`)
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
