import type { TlsOptions } from 'node:tls'
import { describeFailure } from '#lib/errors.ts'
import { keepHeapSmall } from '#lib/host/heap.ts'
import { bootstrap } from '../../cluster/host/bootstrap.ts'
import { DataFolder } from '../../cluster/host/data.ts'
import { makeResolver } from '../../cluster/host/names.ts'
import type { Config, Notice } from '../../config/config.ts'
import { versionText } from '../../config/help.ts'
import { acquireLock, type Lock } from '../../host/lock.ts'
import { serverOptions } from '../../peer/tls.ts'
import { ProxyServer } from '../../proxy/host/server.ts'
import { createLogger, type Log } from './logger.ts'
import { MemberServer } from './member.ts'
import { notifyManager } from './notify.ts'
import { catchSignals, dieBy } from './signals.ts'
import {
  type CertificatePaths,
  CertificateWatch,
  clientFilesOf,
  clientPortOptions,
  findCertificate,
  type Material,
  peerTlsOf,
  readMaterial,
} from './tls.ts'

/** What ends in order. */
interface Service {
  stop(): Promise<void>
}

/**
 * Runs a member or a proxy until it ends.
 *
 * @returns the status of the process
 */
export async function runServer(config: Config, notices: readonly Notice[]): Promise<number> {
  keepHeapSmall()
  let log: Log = (_weight, from, text) => process.stderr.write(`${from}: ${text}\n`)
  try {
    log = createLogger(config)
    for (const line of versionText(`node ${process.version}`).trim().split('\n'))
      log('info', 'etcdmain', line)
    for (const { level, from, text } of notices) log(level, from, text)
    return await new Run(config, log).run()
  } catch (error) {
    const line = describeFailure(error)
    if (line === undefined) throw error
    log('critical', 'etcdmain', line)
    return 1
  }
}

class Run {
  readonly #config: Config
  readonly #log: Log
  readonly #data: DataFolder
  readonly #aborted = new AbortController()
  #service: Service | undefined
  #lock: Lock | undefined
  #isEnding = false
  #end: (status: number) => void = () => {}

  constructor(config: Config, log: Log) {
    this.#config = config
    this.#log = log
    this.#data = new DataFolder(config.dataDir, config.walDir)
  }

  async run(): Promise<number> {
    const ended = new Promise<number>(resolve => {
      this.#end = resolve
    })
    catchSignals(signal => void this.#stop(signal))
    await this.#data.prepare()
    this.#lock = acquireLock(this.#data.lockPath)
    try {
      const started = this.#start()
      // A signal may come before there is anything to stop.
      const status = await Promise.race([started.then(() => ended), ended])
      return status
    } finally {
      this.#lock.release()
    }
  }

  async #start(): Promise<void> {
    const config = this.#config
    const log = this.#log
    const fixtures = `${this.#data.path}/fixtures`
    const peerPaths = await findCertificate(config.peerTls, config.listenPeerUrls, `${fixtures}/peer`)
    const clientUrls = [...config.listenClientUrls, ...config.listenMetricsUrls]
    const clientPaths = await findCertificate(config.clientTls, clientUrls, `${fixtures}/client`)
    const peer = peerPaths && readMaterial(peerPaths, config.peerTls)
    const client = clientPaths && readMaterial(clientPaths, config.clientTls)
    const peerTls = peer && peerTlsOf(peer, config)
    const role = await bootstrap({
      config,
      data: this.#data,
      peerTls,
      clientTls: clientFilesOf(config, client),
      resolver: makeResolver(process.env['ORLOP_DNS_SERVERS'] ?? ''),
      log: line => log('notice', 'etcdmain', line),
      signal: this.#aborted.signal,
    })
    if (this.#isEnding) return
    const clientTls = client && clientPortOptions(client, config)
    if (role.kind === 'proxy') {
      const proxy = new ProxyServer({
        config,
        peerUrls: role.peerUrls,
        save: urls => this.#data.writeProxy(urls),
        tls: clientTls,
        peerTls,
        clientFiles: clientFilesOf(config, client),
        log,
      })
      this.#service = proxy
      await proxy.start()
      this.#watch(clientPaths, 'client', material =>
        proxy.setCertificates(clientPortOptions(material, config), clientFilesOf(config, material)),
      )
      this.#watch(peerPaths, 'peer', material => {
        if (peerTls !== undefined) Object.assign(peerTls, peerTlsOf(material, config))
      })
      this.#ready()
      return
    }
    const options = { config, data: this.#data, origin: role.origin, peerTls, clientTls, log }
    const server = new MemberServer({ ...options, onExit: status => this.#fail(status) })
    this.#service = server
    await server.start()
    this.#watch(clientPaths, 'client', material =>
      server.setCertificates('client', clientPortOptions(material, config)),
    )
    this.#watch(peerPaths, 'peer', material => {
      if (peerTls === undefined) return
      // The transport reads it at each connection that it makes.
      Object.assign(peerTls, peerTlsOf(material, config))
      server.setCertificates('peer', serverOptions(peerTls) as TlsOptions)
    })
    server.whenReady(() => this.#ready())
  }

  #watch(
    paths: CertificatePaths | undefined,
    port: 'peer' | 'client',
    changed: (material: Material) => void,
  ): void {
    if (paths === undefined) return
    const settings = port === 'peer' ? this.#config.peerTls : this.#config.clientTls
    new CertificateWatch(paths, settings, changed, line => this.#log('notice', 'embed', line))
  }

  #ready(): void {
    void notifyManager('READY=1', line => this.#log('warn', 'etcdmain', line))
  }

  /** The process has to end now: nothing that is under way may be answered. */
  #fail(status: number): void {
    this.#lock?.release()
    process.exit(status)
  }

  async #stop(signal: NodeJS.Signals): Promise<void> {
    if (this.#isEnding) {
      this.#log('notice', 'pkg/osutil', `received ${signal} signal again, not waiting any longer`)
      this.#lock?.release()
      dieBy(signal)
      return
    }
    this.#isEnding = true
    this.#log(
      'notice',
      'pkg/osutil',
      `received ${signal === 'SIGTERM' ? 'terminated' : 'interrupt'} signal, shutting down...`,
    )
    const told = notifyManager('STOPPING=1', line => this.#log('warn', 'etcdmain', line))
    this.#aborted.abort(new Error('stopped'))
    await this.#service?.stop()
    await told
    this.#lock?.release()
    dieBy(signal)
    // As the first process of a container, a signal ends nobody.
    this.#end(0)
  }
}
