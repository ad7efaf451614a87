import { headerBlock } from '#lib/http/header.ts'
import { createServer, type HttpServer } from '#lib/http/host/server.ts'
import { methodNotAllowed, notFound, type Reply, textError } from '#lib/http/reply.ts'
import type { Request } from '#lib/http/request.ts'
import type { Response } from '#lib/http/response.ts'
import type { MemberService } from '../../member/service.ts'
import {
  CLUSTER_HEADER,
  FROM_HEADER,
  type Greeting,
  judgeGreeting,
  SNAPSHOT_PATH,
  SNAPSHOT_PROTOCOL,
  STREAM_PATH,
  STREAM_PROTOCOL,
  TO_HEADER,
  VERSION_HEADER,
} from '../handshake.ts'
import { encodeMembers, encodeVersions } from '../members.ts'
import { isAllowed, type PeerTls, serverOptions } from '../tls.ts'
import type { PeerTransport } from './transport.ts'

const CONNECTIONS_MAX = 1024
/** No request here has a body. */
const BODY_BYTES_MAX = 4096
const JSON_TYPE = headerBlock([['Content-Type', 'application/json']])
/** Lines about greetings that were refused, the last ones: a peer tries again every second. */
const REFUSALS_KEPT_MAX = 256

/** What answers on the peer port. */
export interface PeerServerOptions {
  /** The member, or undefined until it has started; asked at each request. */
  service(): MemberService | undefined
  /** Where the streams go; undefined until it is known who this member is. */
  transport(): PeerTransport | undefined
  /** For `GET /version`: what this program is to clients. */
  version: string
  /** Encrypts the port; a server of its own is needed for plain URLs beside it. */
  tls?: PeerTls | undefined
  /** One line for the operator. */
  log(line: string): void
}

/** The server of the peer port, listening nowhere yet. Close the transport before it. */
export function createPeerServer(options: PeerServerOptions): HttpServer {
  const port = new PeerPort(options)
  const { tls } = options
  return createServer({
    onRequest: (request, response) => port.answer(request, response),
    limits: { connectionsMax: CONNECTIONS_MAX, bodyBytesMax: BODY_BYTES_MAX },
    onError: error => options.log(`peer port: ${error.message}`),
    ...(tls === undefined ? {} : { tls: serverOptions(tls) }),
  })
}

class PeerPort {
  readonly #options: PeerServerOptions
  readonly #refusals = new Set<string>()

  constructor(options: PeerServerOptions) {
    this.#options = options
  }

  answer(request: Request, response: Response): void {
    const { tls } = this.#options
    if (!isAllowed(tls, request.clientCertificate)) {
      const name = request.clientCertificate?.commonName ?? ''
      this.#logOnce(`refused ${request.peer?.address}: its certificate (CN ${name}) is not that of a member`)
      send(response, textError(403, 'the certificate is not that of a member'), '')
      return
    }
    if (request.path === STREAM_PATH || request.path === SNAPSHOT_PATH) this.#greet(request, response)
    else send(response, this.#reply(request), this.#headers())
  }

  #reply(request: Request): Reply {
    if (request.path !== '/members' && request.path !== '/version') return notFound()
    if (request.method !== 'GET') return methodNotAllowed(['GET'])
    const service = this.#options.service()
    if (request.path === '/version') {
      const cluster = service?.clusterVersion ?? 'not_decided'
      return {
        status: 200,
        headers: JSON_TYPE,
        body: encodeVersions({ server: this.#options.version, cluster }),
      }
    }
    if (service === undefined) return textError(503, 'the member has not started')
    return { status: 200, headers: JSON_TYPE, body: encodeMembers(service.members()) }
  }

  #headers(): string {
    const clusterId = this.#options.service()?.clusterId ?? this.#options.transport()?.clusterId
    return clusterId === undefined ? '' : headerBlock([[CLUSTER_HEADER, clusterId]])
  }

  #greet(request: Request, response: Response): void {
    const service = this.#options.service()
    const transport = this.#options.transport()
    if (request.method !== 'POST' && request.method !== 'GET') {
      send(response, methodNotAllowed(['GET', 'POST']), '')
      return
    }
    if (service === undefined || transport === undefined || !transport.isReady) {
      send(response, textError(503, 'the member has not started'), '')
      return
    }
    const isStream = request.path === STREAM_PATH
    const protocol = isStream ? STREAM_PROTOCOL : SNAPSHOT_PROTOCOL
    const greeting = readGreeting(request)
    const refusal = judgeGreeting(greeting, {
      protocol,
      clusterId: transport.clusterId,
      id: transport.id,
      wasRemoved: id => service.wasRemoved(id),
    })
    const own = headerBlock([
      [CLUSTER_HEADER, transport.clusterId],
      [VERSION_HEADER, transport.version],
      ['Upgrade', protocol],
    ])
    if (refusal !== undefined) {
      this.#logOnce(`refused ${request.peer?.address}: ${refusal.why}`)
      send(response, textError(refusal.status, refusal.why), own)
      return
    }
    const from = greeting.from!
    if (!transport.hasRoom(from)) {
      send(response, textError(503, 'too many members are connected'), own)
      return
    }
    if (request.bodyLength !== 0) {
      send(response, textError(400, 'a body is not expected'), own)
      return
    }
    const upgraded = response.upgrade(own)
    if (upgraded === undefined) return
    if (isStream) transport.acceptStream(from, upgraded)
    else transport.acceptSnapshot(from, upgraded)
  }

  /** Says each thing once, as it would come again every second. */
  #logOnce(line: string): void {
    if (this.#refusals.has(line)) return
    if (this.#refusals.size >= REFUSALS_KEPT_MAX) this.#refusals.clear()
    this.#refusals.add(line)
    this.#options.log(line)
  }
}

function readGreeting(request: Request): Greeting {
  return {
    protocol: request.header('upgrade'),
    clusterId: request.header(CLUSTER_HEADER.toLowerCase()),
    from: request.header(FROM_HEADER.toLowerCase()),
    to: request.header(TO_HEADER.toLowerCase()),
    version: request.header(VERSION_HEADER.toLowerCase()),
  }
}

function send(response: Response, { status, headers, body }: Reply, more: string): void {
  response.end(status, headers + more, body)
}
