import { UserError } from '#lib/errors.ts'
import type { Config } from '../config/config.ts'
import { clusterId, memberId } from '../member/identity.ts'
import type { ClusterMember } from '../member/service.ts'
import type { MemberId } from '../raft/types.ts'

/** A founding member, or one that is joined. */
export interface Founder {
  id: MemberId
  name: string
  peerUrls: readonly string[]
}

/** With what a member begins its life. It is kept beside the log, as a start may be cut short before the log is whole. */
export interface Origin {
  id: MemberId
  clusterId: string
  /** All founding members in the order of their ids; empty for one that joins. */
  founders: readonly Founder[]
  /** For one that joins: the members that are there, with their peer URLs. */
  peers: readonly Founder[]
}

/** What a data directory holds. */
export type DataState = 'empty' | 'member' | 'proxy' | 'both'

/** What to do first. A directory that was used decides alone (specification §7.2). */
export type FirstStep = 'restart' | 'proxy' | 'static' | 'existing' | 'discovery' | 'srv' | 'rejoin'

/**
 * Decides what a start begins with.
 *
 * @throws UserError when the data directory contradicts itself or the flags
 */
export function firstStep(state: DataState, config: Config): FirstStep {
  if (state === 'both')
    throw new UserError(
      'invalid datadir. Both member and proxy directories exist.',
      `remove ${config.dataDir}/proxy if it is a member, or move ${config.dataDir}/member away if it is not`,
    )
  if (state === 'proxy') {
    if (config.forceNewCluster)
      throw new UserError(`${config.dataDir} is that of a proxy: there is no data to make a cluster of`)
    return 'proxy'
  }
  if (state === 'member') return 'restart'
  if (config.forceNewCluster)
    throw new UserError(
      `--force-new-cluster needs the data of a member, and ${config.dataDir} holds none`,
      'is --data-dir right?',
    )
  if (config.proxy !== 'off') return 'proxy'
  if (config.rejoin) return 'rejoin'
  if (config.discovery !== '') return 'discovery'
  if (config.discoverySrv !== '') return 'srv'
  return config.initialClusterState === 'existing' ? 'existing' : 'static'
}

/**
 * Founds from a list of all members.
 *
 * @param token tells clusters apart that are founded alike
 * @throws UserError with the original's words when the list and this member's settings do not go together
 */
export function foundingOrigin(
  cluster: ReadonlyMap<string, readonly string[]>,
  token: string,
  own: { name: string; peerUrls: readonly string[] },
  equal: SameUrls = sameUrls,
): Origin {
  checkOwn(cluster, own, equal)
  checkDistinct(cluster)
  const founders = [...cluster]
    .map(([name, peerUrls]): Founder => ({ id: memberId(peerUrls, token), name, peerUrls }))
    .sort((a, b) => (BigInt(`0x${a.id}`) < BigInt(`0x${b.id}`) ? -1 : 1))
  const id = founders.find(({ name }) => name === own.name)!.id
  return { id, clusterId: clusterId(founders.map(founder => founder.id)), founders, peers: [] }
}

/** What somebody at a peer URL says of his cluster. */
export interface PeerAnswer {
  url: string
  clusterId: string
  members: readonly ClusterMember[]
}

/**
 * Refuses to found when a member of the same id has run already: its log is gone, and what it has promised with it. Also
 * when another founder is of another cluster: nothing has been written yet, and later the two would never speak.
 *
 * @param answers of those of the founders that are up
 * @throws UserError
 */
export function checkNotBootstrapped(origin: Origin, answers: readonly PeerAnswer[]): void {
  for (const { url, clusterId: cluster, members } of answers) {
    if (cluster !== origin.clusterId)
      throw new UserError(
        `cluster ID mismatch: the member at ${url} is of cluster ${cluster}, and the flags found cluster ${origin.clusterId}`,
        'all founders need the same --initial-cluster and --initial-cluster-token; what runs already is joined: etcdctl member add, then --initial-cluster-state existing, or --rejoin if this member lost its disk',
      )
    if (members.some(({ id, name }) => id === origin.id && name !== ''))
      throw new UserError(
        `member ${origin.id} has already been bootstrapped`,
        'its data directory is empty: mount the right one; if the disk is lost, start it once with --rejoin and the same --initial-cluster',
      )
  }
}

/**
 * Joins a cluster that runs: this member was added to it before, by `etcdctl member add`.
 *
 * @param cluster what `--initial-cluster` says
 * @throws UserError with the original's words when the cluster has other members than the flags
 */
export function joiningOrigin(
  cluster: ReadonlyMap<string, readonly string[]>,
  running: { clusterId: string; members: readonly ClusterMember[] },
  own: { name: string; peerUrls: readonly string[] },
  equal: SameUrls = sameUrls,
): Origin {
  checkOwn(cluster, own, equal)
  checkDistinct(cluster)
  const { members } = running
  const invalid = (why: string): UserError =>
    new UserError(
      `error validating peerURLs ${describe(members)}: ${why}`,
      `--initial-cluster must be what 'etcdctl member add ${own.name} ${own.peerUrls[0]}' has printed`,
    )
  if (members.length !== cluster.size) throw invalid('member count is unequal')
  let self: ClusterMember | undefined
  for (const [name, peerUrls] of cluster) {
    const member = members.find(candidate => equal(candidate.peerUrls, peerUrls))
    if (member === undefined)
      throw invalid(`unmatched member while checking PeerURLs (${peerUrls.join(',')})`)
    if (name === own.name) self = member
  }
  return originOf(self!, running)
}

/**
 * The origin of a member that the cluster knows already by its peer URLs.
 *
 * @throws UserError when it has run before: its log is gone, and what it has promised with it
 */
export function originOf(
  self: ClusterMember,
  { clusterId: cluster, members }: { clusterId: string; members: readonly ClusterMember[] },
): Origin {
  if (self.name !== '')
    throw new UserError(
      `member ${self.id} has already been bootstrapped`,
      'its data directory is empty: mount the right one; if the disk is lost, start it once with --rejoin and the same --initial-cluster',
    )
  const peers = members
    .filter(({ id }) => id !== self.id)
    .map(({ id, name, peerUrls }): Founder => ({ id, name, peerUrls }))
  return { id: self.id, clusterId: cluster, founders: [], peers }
}

/** Whether two lists name the same places. */
export type SameUrls = (left: readonly string[], right: readonly string[]) => boolean

/** By their texts, in any order. */
export function sameUrls(left: readonly string[], right: readonly string[]): boolean {
  const sorted = right.toSorted()
  return left.length === right.length && left.toSorted().every((url, at) => url === sorted[at])
}

function checkOwn(
  cluster: ReadonlyMap<string, readonly string[]>,
  { name, peerUrls }: { name: string; peerUrls: readonly string[] },
  equal: SameUrls,
): void {
  const listed = cluster.get(name)
  if (listed === undefined)
    throw new UserError(
      `couldn't find local name "${name}" in the initial cluster configuration`,
      `--name must be one of ${[...cluster.keys()].join(', ')}`,
    )
  if (equal(listed, peerUrls)) return
  const shown = listed.map(url => `${name}=${url}`).join(',')
  const urls = peerUrls.join(',')
  const missing = listed.some(url => !peerUrls.includes(url))
  throw new UserError(
    missing
      ? `--initial-cluster has ${shown} but missing from --initial-advertise-peer-urls=${urls}`
      : `--initial-advertise-peer-urls has ${urls} but missing from --initial-cluster=${shown}`,
    'the two must name the same URLs',
  )
}

function checkDistinct(cluster: ReadonlyMap<string, readonly string[]>): void {
  const seen = new Set<string>()
  for (const url of [...cluster.values()].flat()) {
    if (seen.has(url)) throw new UserError(`initial cluster ${textOf(cluster)} has duplicate url`)
    seen.add(url)
  }
}

function textOf(cluster: ReadonlyMap<string, readonly string[]>): string {
  return [...cluster].flatMap(([name, urls]) => urls.map(url => `${name}=${url}`)).join(',')
}

function describe(members: readonly ClusterMember[]): string {
  return `[${members.map(({ id, peerUrls }) => `${id}: ${peerUrls.join(',')}`).join('; ')}]`
}
