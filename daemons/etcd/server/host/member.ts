import type { TlsOptions } from 'node:tls'
import { UserError } from '#lib/errors.ts'
import { Api } from '../../api/api.ts'
import type { DataFolder } from '../../cluster/host/data.ts'
import type { Origin } from '../../cluster/plan.ts'
import type { Config } from '../../config/config.ts'
import { VERSION } from '../../config/help.ts'
import { parseLevel } from '../../config/levels.ts'
import { isEncrypted, parseTarget, readInitialCluster } from '../../config/urls.ts'
import { nodeDisk } from '../../host/disk.ts'
import { nodeEnv } from '../../member/host/env.ts'
import { type Member, startMember } from '../../member/member.ts'
import type { ExitReason, MemberOptions } from '../../member/options.ts'
import { createPeerServer } from '../../peer/host/server.ts'
import { PeerTransport } from '../../peer/host/transport.ts'
import { type PeerTls, serverOptions } from '../../peer/tls.ts'
import { Door, type Handler } from './client-port.ts'
import { httpServer, Listeners } from './listeners.ts'
import type { Log } from './logger.ts'
import { findForeignPeer } from './peers.ts'
import { PROFILES_PATH, Profiles } from './profiles.ts'

/** How long answers and streams that are under way may take when the server ends. */
const CLOSE_GRACE_MS = 500
const CLUSTER_VERSION = '3.4.0'
/** A log that is whole says itself whose it is. */
const UNKNOWN: Pick<Origin, 'id' | 'clusterId'> = { id: '0', clusterId: '0' }

/** What a running member is made of. */
export interface ServerOptions {
  config: Config
  data: DataFolder
  /** Undefined for a member whose log is whole. */
  origin: Origin | undefined
  peerTls: PeerTls | undefined
  clientTls: TlsOptions | undefined
  log: Log
  /** The process should end with that status, now: nothing may be answered any more. */
  onExit(status: number): void
}

/** A member with its ports. */
export class MemberServer {
  readonly #options: ServerOptions
  readonly #door = new Door()
  readonly #peerPort: Listeners
  readonly #clientPort: Listeners
  readonly #metricsPort: Listeners
  #transport: PeerTransport | undefined
  #member: Member | undefined
  #closeApi: () => void = () => {}
  #isStopping = false

  constructor(options: ServerOptions) {
    const { config, log, peerTls } = options
    this.#options = options
    this.#peerPort = new Listeners({
      urls: config.listenPeerUrls,
      tls: peerTls === undefined ? undefined : serverOptions(peerTls),
      make: tls => this.#makePeerServer(tls),
    })
    const make = httpServer({
      onRequest: this.#door.answer,
      onError: error => log('warn', 'embed', error.message),
    })
    this.#clientPort = new Listeners({ urls: config.listenClientUrls, tls: options.clientTls, make })
    const metricsDoor = httpServer({
      onRequest: (request, response) => {
        if (request.path === '/metrics' || request.path === '/health') this.#door.answer(request, response)
        else response.end(404, '', '404 page not found\n')
      },
    })
    this.#metricsPort = new Listeners({
      urls: config.listenMetricsUrls,
      tls: options.clientTls,
      make: metricsDoor,
    })
  }

  /**
   * Listens and starts the member; resolves when it runs, which may be long before it is ready.
   *
   * @throws UserError for a port or a log that cannot be used
   */
  async start(): Promise<void> {
    const { config, log } = this.#options
    await this.#peerPort.listen()
    for (const url of config.listenPeerUrls) log('info', 'embed', `listening for peers on ${url}`)
    await this.#clientPort.listen()
    await this.#metricsPort.listen()
    for (const url of config.listenClientUrls) log('info', 'embed', `listening for client requests on ${url}`)
    const member = await this.#startMember()
    this.#member = member
    log('info', 'etcdserver', `starting member ${member.id} in cluster ${member.clusterId}`)
    void this.#checkPeers(member)
  }

  /** Calls back when clients are answered. */
  whenReady(done: () => void): void {
    const { config, log } = this.#options
    const member = this.#member
    if (member === undefined) throw new Error('a member that was not started is never ready')
    member.whenPublished(() => {
      if (this.#isStopping) return
      if (config.forceNewCluster) this.#sayAddress(member)
      const { cors, hostWhitelist } = config
      const setLogLevel = (word: string) => {
        const level = parseLevel(word)
        if (level !== undefined) config.logLevel = level
        return level !== undefined
      }
      const { bcryptCost, clientTls } = config
      const { clientCertAuth } = clientTls
      const of = { service: member, version: VERSION, cors, hostWhitelist }
      const api = new Api({ ...of, bcryptCost, clientCertAuth, setLogLevel })
      this.#closeApi = () => api.close()
      this.#door.open(this.#withProfiles((request, response) => api.answer(request, response)))
      const urls = config.advertiseClientUrls.join(' ')
      log(
        'info',
        'etcdserver',
        `published {Name:${config.name} ClientURLs:[${urls}]} to cluster ${member.clusterId}`,
      )
      const version = (member.clusterVersion ?? CLUSTER_VERSION).split('.').slice(0, 2).join('.')
      log('info', 'etcdserver/api', `enabled capabilities for version ${version}`)
      log('info', 'embed', 'ready to serve client requests')
      for (const url of config.listenClientUrls) {
        const { host, port } = parseTarget(url)
        const how = isEncrypted(url) ? 'serving client requests' : 'serving insecure client requests'
        log('notice', 'embed', `${how} on ${host}${port === 0 ? '' : `:${port}`}`)
      }
      done()
    })
  }

  /**
   * A cluster of one that was made of a backup, or of what another machine left, has an old address of its member or
   * none: who is to join must find it. The original leaves that to the operator.
   */
  #sayAddress(member: Member): void {
    const { initialAdvertisePeerUrls: urls } = this.#options.config
    const known = member.members().find(({ id }) => id === member.id)?.peerUrls ?? []
    if (urls.length === known.length && urls.every(url => known.includes(url))) return
    member.updateMember(member.id, urls, refusal => {
      const { log } = this.#options
      if (refusal === undefined) log('info', 'etcdserver', `other members find this one at ${urls.join(' ')}`)
      else log('warn', 'etcdserver', `cannot say where other members find this one: ${refusal.why}`)
    })
  }

  /** Exchanges the certificates of a port. */
  setCertificates(port: 'peer' | 'client', options: TlsOptions): void {
    const listeners = port === 'peer' ? [this.#peerPort] : [this.#clientPort, this.#metricsPort]
    for (const listener of listeners) listener.setCertificates(options)
  }

  /** Hands leadership over, answers what waits, and closes everything. */
  async stop(): Promise<void> {
    this.#isStopping = true
    const member = this.#member
    if (member !== undefined) await new Promise<void>(done => member.stop(done))
    this.#closeApi()
    this.#transport?.close()
    await Promise.all(
      [this.#clientPort, this.#metricsPort, this.#peerPort].map(port => port.close(CLOSE_GRACE_MS)),
    )
  }

  #withProfiles(answer: Handler): Handler {
    if (!this.#options.config.enablePprof) return answer
    const profiles = new Profiles()
    return (request, response) => {
      if (request.path.startsWith(PROFILES_PATH)) profiles.answer(request, response)
      else answer(request, response)
    }
  }

  #makePeerServer(tls: TlsOptions | undefined) {
    const { log, peerTls } = this.#options
    return createPeerServer({
      service: () => this.#member,
      transport: () => this.#transport,
      version: VERSION,
      ...(tls === undefined ? {} : { tls: peerTls }),
      log: line => log('info', 'rafthttp', line),
    })
  }

  #startMember(): Promise<Member> {
    const { config, data, peerTls, log, onExit } = this.#options
    const onSync = (path: string, ms: number): void => {
      // A segment keeps the name that it was made under until it is opened again.
      if (!path.includes('.snap')) this.#member?.counters.onWalSync?.(ms)
    }
    const env = nodeEnv(nodeDisk({ onSync, skipsSync: config.unsafeNoFsync }))
    return new Promise((resolve, reject) => {
      startMember(
        this.#memberOptions((reason, message) => {
          if (reason === 'removed')
            log(
              'critical',
              'etcdserver',
              `the member has been permanently removed from the cluster: ${message}`,
            )
          else log('critical', 'etcdserver', message)
          onExit(reason === 'removed' ? 0 : 1)
        }),
        env,
        member => {
          const { id, clusterId } = member
          const transport = new PeerTransport({
            id,
            clusterId,
            version: VERSION,
            env,
            tls: peerTls,
            log: line => log('info', 'rafthttp', line),
          })
          this.#transport = transport
          transport.begin(member)
          return transport
        },
        (error, member) => {
          if (member !== undefined) resolve(member)
          else
            reject(
              new UserError(
                `cannot open the data of ${config.dataDir}: ${error?.message}`,
                hintFor(error?.code, data),
              ),
            )
        },
      )
    })
  }

  #memberOptions(onExit: (reason: ExitReason, message: string) => void): MemberOptions {
    const { config, data, origin, log } = this.#options
    const { id, clusterId } = origin ?? UNKNOWN
    return {
      id,
      clusterId,
      name: config.name,
      walFolder: data.walFolder,
      snapFolder: data.snapFolder,
      founders: origin?.founders ?? [],
      peers: new Map(origin?.peers.map(peer => [peer.id, peer.peerUrls])),
      clientUrls: config.advertiseClientUrls,
      log: line => log('info', 'etcdserver', line),
      onExit,
      tickMs: config.heartbeatMs,
      electionTicks: Math.round(config.electionMs / config.heartbeatMs),
      heartbeatTicks: 1,
      snapshotCount: config.snapshotCount,
      snapshotsRetained: config.maxSnapshots,
      forceNewCluster: config.forceNewCluster,
      strictReconfig: config.strictReconfig,
      clusterVersion: CLUSTER_VERSION,
    }
  }

  async #checkPeers(member: Member): Promise<void> {
    const { config, data, peerTls, log, onExit } = this.#options
    if (config.initialCluster === '' || config.forceNewCluster) return
    const urls = [...readInitialCluster(config.initialCluster).values()].flat()
    const others = urls.filter(url => !config.initialAdvertisePeerUrls.includes(url))
    const problem = await findForeignPeer(member, others, data.path, peerTls)
    if (problem === undefined || this.#isStopping) return
    log('critical', 'etcdmain', problem)
    onExit(1)
  }
}

function hintFor(code: string | undefined, data: DataFolder): string | undefined {
  if (code === 'ECORRUPT' || code === 'EMARK')
    return `the disk has damaged it: move ${data.path} away and start with --rejoin, or restore a backup`
  return code === 'EVERSION' ? 'start the newer version again' : undefined
}
