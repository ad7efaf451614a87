import type { ClusterMember } from '../member/service.ts'

/** Ids are 64 bit and stand as JSON integers, which JavaScript's numbers would round. */
const ID_MAX = 2n ** 64n - 1n

/** Members of a cluster as a peer has told them. */
export interface PeerVersions {
  /** Of the program: `3.4.23`. */
  server: string
  /** What the cluster agreed on, or `not_decided`. */
  cluster: string
}

/** The body of `GET /members` of the peer port (specification §4). */
export function encodeMembers(members: readonly ClusterMember[]): string {
  return `[${members.map(encodeMember).join()}]\n`
}

function encodeMember({ id, name, peerUrls, clientUrls, isLearner }: ClusterMember): string {
  const learner = isLearner ? ',"isLearner":true' : ''
  return (
    `{"id":${BigInt(`0x${id}`)},"peerURLs":${JSON.stringify(peerUrls)}${learner}` +
    `,"name":${JSON.stringify(name)},"clientURLs":${JSON.stringify(clientUrls)}}`
  )
}

/** What `encodeMembers` or the original writes; undefined for anything else. */
export function decodeMembers(text: string): ClusterMember[] | undefined {
  const list = parse(text)
  if (!Array.isArray(list)) return undefined
  const members: ClusterMember[] = []
  for (const item of list as unknown[]) {
    const member = decodeMember(item)
    if (member === undefined) return undefined
    members.push(member)
  }
  return members
}

function decodeMember(item: unknown): ClusterMember | undefined {
  if (typeof item !== 'object' || item === null) return undefined
  const { id, name = '', peerURLs, clientURLs, isLearner = false } = item as Record<string, unknown>
  const peerUrls = decodeTexts(peerURLs)
  const clientUrls = decodeTexts(clientURLs)
  if (typeof id !== 'bigint' || id < 1n || id > ID_MAX || typeof name !== 'string') return undefined
  if (peerUrls === undefined || clientUrls === undefined || typeof isLearner !== 'boolean') return undefined
  return { id: id.toString(16), name, peerUrls, clientUrls, isLearner }
}

/** The original leaves empty lists out, or writes null. */
function decodeTexts(value: unknown): string[] | undefined {
  if (value === undefined || value === null) return []
  return Array.isArray(value) && value.every(item => typeof item === 'string') ? value : undefined
}

/** The body of `GET /version` (specification §2.8). */
export function encodeVersions({ server, cluster }: PeerVersions): string {
  return `{"etcdserver":${JSON.stringify(server)},"etcdcluster":${JSON.stringify(cluster)}}`
}

/** What `encodeVersions` or the original writes; undefined for anything else. */
export function decodeVersions(text: string): PeerVersions | undefined {
  const value = parse(text)
  if (typeof value !== 'object' || value === null) return undefined
  const { etcdserver, etcdcluster } = value as Record<string, unknown>
  if (typeof etcdserver !== 'string' || typeof etcdcluster !== 'string') return undefined
  return { server: etcdserver, cluster: etcdcluster }
}

/** JSON with the ids in full: the source of a number is known to the reviver before it is rounded. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text, (key: string, value: unknown, context?: { source?: string }) =>
      key === 'id' && typeof value === 'number' ? BigInt(context?.source ?? 0) : value,
    )
  } catch {
    return undefined // No JSON, or an id with a fraction.
  }
}
