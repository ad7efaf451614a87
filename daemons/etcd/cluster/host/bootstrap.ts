import { UserError } from '#lib/errors.ts'
import type { TlsFiles } from '#lib/etcd/host/transport.ts'
import type { Config } from '../../config/config.ts'
import { readInitialCluster } from '../../config/urls.ts'
import { memberId } from '../../member/identity.ts'
import { fetchMembers } from '../../peer/host/fetch.ts'
import type { PeerTls } from '../../peer/tls.ts'
import {
  checkNotBootstrapped,
  type FirstStep,
  firstStep,
  foundingOrigin,
  joiningOrigin,
  type Origin,
  type PeerAnswer,
} from '../plan.ts'
import { clusterOfToken, parseTokenUrl, registrationOf } from '../token.ts'
import type { DataFolder } from './data.ts'
import { discoverCluster, readToken } from './discovery.ts'
import { discoverBySrv, type Resolver, sameResolvedUrls } from './names.ts'
import { rejoin } from './rejoin.ts'

/** A peer that is asked at a founding, which may not be up yet. */
const FOUNDING_ASK_MS = 1_000
const JOINING_ASK_MS = 5_000

/** What a process becomes. */
export type Role =
  /** `origin` is undefined for a member whose log is whole. */
  { kind: 'member'; origin: Origin | undefined } | { kind: 'proxy'; peerUrls: readonly string[] }

/** What bootstrapping needs beside the settings. */
export interface BootstrapOptions {
  config: Config
  data: DataFolder
  peerTls: PeerTls | undefined
  /** For client URLs of https. */
  clientTls: TlsFiles | undefined
  resolver: Resolver
  log(line: string): void
  signal?: AbortSignal
}

/**
 * Finds out what this process is to be, and writes it down so that the next start knows.
 *
 * @throws UserError with what to do about it
 */
export async function bootstrap(options: BootstrapOptions): Promise<Role> {
  const { config, data, log } = options
  const state = await data.state()
  const step = firstStep(state, config)
  if (step === 'restart') {
    if (config.proxy !== 'off' || config.discovery !== '' || config.rejoin)
      log(`${config.dataDir} is that of a member: --proxy, --discovery and --rejoin have no effect`)
    return { kind: 'member', origin: await data.readOrigin() }
  }
  if (step === 'proxy') {
    const peerUrls = (await data.readProxy()) ?? (await proxyUrls(options))
    await data.writeProxy(peerUrls)
    return { kind: 'proxy', peerUrls }
  }
  const found = await originBy(step, options)
  if (Array.isArray(found)) {
    log('discovery cluster full, falling back to proxy')
    await data.writeProxy(found)
    return { kind: 'proxy', peerUrls: found }
  }
  await data.writeOrigin(found)
  return { kind: 'member', origin: found }
}

/** The origin of a new member; or the peer URLs of the others when it is to be a proxy. */
async function originBy(
  step: Exclude<FirstStep, 'restart' | 'proxy'>,
  options: BootstrapOptions,
): Promise<Origin | string[]> {
  const { config, resolver } = options
  const own = { name: config.name, peerUrls: config.initialAdvertisePeerUrls }
  if (step === 'discovery') return await byDiscovery(options)
  const cluster =
    step === 'srv'
      ? await discoverBySrv(config.discoverySrv, config.discoverySrvName, own, resolver)
      : readInitialCluster(config.initialCluster)
  const urls = [...cluster.values()].flat()
  const equal = await sameResolvedUrls([...urls, ...own.peerUrls], resolver)
  const others = urls.filter(url => !own.peerUrls.includes(url))
  if (step === 'rejoin') {
    if (others.length === 0)
      throw new UserError('--rejoin needs --initial-cluster with the peer URLs of the other members')
    return await rejoin({
      peerUrls: own.peerUrls,
      fetch: () => fetchMembers(others, JOINING_ASK_MS, options.peerTls),
      equal,
      tls: options.clientTls,
      log: options.log,
    })
  }
  if (config.initialClusterState === 'existing')
    return joiningOrigin(cluster, await fetchMembers(others, JOINING_ASK_MS, options.peerTls), own, equal)
  const origin = foundingOrigin(cluster, config.initialClusterToken, own, equal)
  checkNotBootstrapped(origin, await askAll(others, options.peerTls))
  return origin
}

async function byDiscovery(options: BootstrapOptions): Promise<Origin | string[]> {
  const { config, data } = options
  const { discovery: url, name, initialAdvertisePeerUrls: peerUrls } = config
  checkDiscovery(config)
  const id = memberId(peerUrls, url)
  try {
    const stand = await discoverCluster({
      url,
      id,
      value: registrationOf(name, peerUrls),
      mayBeRegistered: await data.isDiscovering(url, id),
      beforeRegister: () => data.markDiscovery(url, id),
      log: options.log,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    })
    const cluster = clusterOfToken(stand.found)
    if (stand.kind === 'full') {
      if (config.discoveryFallback === 'proxy') return [...cluster.values()].flat()
      throw new UserError(
        'failed to join discovery cluster (discovery: cluster is full)',
        `the token is used up: make a new one for a new cluster, join this one with 'etcdctl member add', or let it be a proxy with --discovery-fallback proxy`,
      )
    }
    const origin = foundingOrigin(cluster, url, { name, peerUrls })
    const others = [...cluster.values()].flat().filter(other => !peerUrls.includes(other))
    checkNotBootstrapped(origin, await askAll(others, options.peerTls))
    return origin
  } catch (error) {
    if (error instanceof UserError)
      options.log('discovery token URL was used, but failed to bootstrap the cluster.')
    throw error
  }
}

/** The peer URLs that a new proxy asks. */
async function proxyUrls(options: BootstrapOptions): Promise<string[]> {
  const { config, resolver } = options
  if (config.discovery !== '') {
    checkDiscovery(config)
    const { log, signal } = options
    const found = await readToken({ url: config.discovery, log, ...(signal === undefined ? {} : { signal }) })
    return [...clusterOfToken(found).values()].flat()
  }
  if (config.discoverySrv !== '') {
    const any = { name: config.name, peerUrls: config.initialAdvertisePeerUrls }
    // A proxy is none of the members, so every record is another's.
    const cluster = await discoverBySrv(config.discoverySrv, config.discoverySrvName, any, resolver, true)
    return [...cluster.values()].flat()
  }
  return [...readInitialCluster(config.initialCluster).values()].flat()
}

function checkDiscovery({ discovery, discoveryProxy }: Config): void {
  parseTokenUrl(discovery)
  if (discoveryProxy !== '')
    throw new UserError('--discovery-proxy is not supported', 'reach the discovery service directly')
}

/** What each of the peers that answer knows. */
async function askAll(peerUrls: readonly string[], tls: PeerTls | undefined): Promise<PeerAnswer[]> {
  const answers = await Promise.allSettled(
    peerUrls.map(async url => ({ url, ...(await fetchMembers([url], FOUNDING_ASK_MS, tls)) })),
  )
  return answers.flatMap(answer => (answer.status === 'fulfilled' ? [answer.value] : []))
}
