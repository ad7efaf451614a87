import type { SecureContextOptions, TlsOptions } from 'node:tls'
import { errorCode, UserError } from '#lib/errors.ts'
import type { Address } from '#lib/http/host/listen.ts'
import { createServer, type HttpServer, type ServerOptions } from '#lib/http/host/server.ts'
import { isEncrypted, parseTarget } from '../../config/urls.ts'

/** A server and where it listens. */
interface Listener {
  server: HttpServer
  address: Address
  url: string
}

/** What a group of listeners is made of. */
export interface ListenersOptions {
  urls: readonly string[]
  /** For URLs of https. */
  tls: TlsOptions | undefined
  make(tls: TlsOptions | undefined, plainToo: boolean): HttpServer
}

/** The servers of one port's URLs: one for each address, which speaks plain, encrypted or both. */
export class Listeners {
  readonly #listeners: Listener[] = []

  constructor({ urls, tls, make }: ListenersOptions) {
    const byPlace = new Map<string, string[]>()
    for (const url of urls) {
      const { host, port, scheme } = parseTarget(url)
      const place = scheme.startsWith('unix') ? host : `${host} ${port}`
      byPlace.set(place, [...(byPlace.get(place) ?? []), url])
    }
    for (const same of byPlace.values()) {
      const encrypts = same.some(isEncrypted)
      const server = make(encrypts ? tls : undefined, encrypts && !same.every(isEncrypted))
      this.#listeners.push({ server, address: addressOf(same[0]!), url: same[0]! })
    }
  }

  /** @throws UserError that names the URL */
  async listen(): Promise<void> {
    for (const { server, address, url } of this.#listeners) {
      try {
        await server.listen(address)
      } catch (error) {
        const code = errorCode(error)
        const why = code === 'EADDRINUSE' ? 'bind: address already in use' : (error as Error).message
        const { host, port } = parseTarget(url)
        throw new UserError(
          `listen ${port === 0 ? 'unix' : 'tcp'} ${host}${port === 0 ? '' : `:${port}`}: ${why}`,
        )
      }
    }
  }

  /** Certificates for connections from now on. */
  setCertificates(options: SecureContextOptions): void {
    for (const { server } of this.#listeners) server.setCertificates(options)
  }

  async close(graceMs: number): Promise<void> {
    await Promise.all(this.#listeners.map(({ server }) => server.close(graceMs)))
  }
}

/** A plain server of requests, as `Listeners` makes them. */
export function httpServer(
  options: Omit<ServerOptions, 'tls' | 'plainToo'>,
): (tls: TlsOptions | undefined, plainToo: boolean) => HttpServer {
  return (tls, plainToo) => createServer({ ...options, ...(tls === undefined ? {} : { tls, plainToo }) })
}

function addressOf(url: string): Address {
  const { scheme, host, port } = parseTarget(url)
  if (scheme.startsWith('unix')) return { path: host }
  // Resolved, it may be ::1 alone, where 127.0.0.1 would be refused: the original takes the one of the old protocol.
  if (host === 'localhost') return { host: '127.0.0.1', port }
  return { host: host === '' ? '::' : host, port }
}
