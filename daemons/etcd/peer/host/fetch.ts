import { UserError } from '#lib/errors.ts'
import { ClientAgent, ClientError, request } from '#lib/http/host/client.ts'
import type { ClusterMember } from '../../member/service.ts'
import { CLUSTER_HEADER } from '../handshake.ts'
import { decodeMembers, decodeVersions, type PeerVersions } from '../members.ts'
import { clientOptions, type PeerTls } from '../tls.ts'

const BODY_BYTES_MAX = 1024 * 1024
const CLUSTER_ID = /^[0-9a-f]{1,16}$/

/** What a peer knows of its cluster. */
export interface FetchedCluster {
  clusterId: string
  members: ClusterMember[]
}

/**
 * Asks peers, one after the other, for the members of their cluster: the answer of the first that gives one.
 *
 * @param timeoutMs for each of them
 * @throws UserError that names each URL and what was wrong
 */
export function fetchMembers(
  peerUrls: readonly string[],
  timeoutMs: number,
  tls?: PeerTls,
): Promise<FetchedCluster> {
  return askAny(peerUrls, '/members', timeoutMs, tls, (text, clusterId) => {
    const members = decodeMembers(text)
    return members === undefined || clusterId === undefined ? undefined : { clusterId, members }
  })
}

/**
 * Asks peers, one after the other, what they run: the answer of the first that gives one.
 *
 * @param timeoutMs for each of them
 * @throws UserError that names each URL and what was wrong
 */
export function fetchVersion(
  peerUrls: readonly string[],
  timeoutMs: number,
  tls?: PeerTls,
): Promise<PeerVersions> {
  return askAny(peerUrls, '/version', timeoutMs, tls, decodeVersions)
}

async function askAny<T>(
  peerUrls: readonly string[],
  path: string,
  timeoutMs: number,
  tls: PeerTls | undefined,
  decode: (text: string, clusterId: string | undefined) => T | undefined,
): Promise<T> {
  const problems: string[] = []
  const agent = new ClientAgent(tls === undefined ? {} : { tls: clientOptions(tls) })
  try {
    for (const peerUrl of peerUrls) {
      const answer = await ask(peerUrl, path, timeoutMs, agent, decode)
      if (typeof answer !== 'string') return answer.value
      problems.push(`${peerUrl}: ${answer}`)
    }
  } finally {
    agent.close()
  }
  throw new UserError(
    `cannot fetch cluster info from peer urls: ${problems.join('; ') || 'there are none'}`,
    'are these members up, and are their peer URLs right?',
  )
}

/** The answer, or what was wrong. */
async function ask<T>(
  peerUrl: string,
  path: string,
  timeoutMs: number,
  agent: ClientAgent,
  decode: (text: string, clusterId: string | undefined) => T | undefined,
): Promise<{ value: T } | string> {
  const url = new URL(peerUrl)
  const isUnix = url.protocol.startsWith('unix')
  const target = isUnix
    ? `${url.protocol === 'unixs:' ? 'https' : 'http'}://localhost${path}`
    : new URL(path, url)
  const socket = isUnix ? { socketPath: url.host + url.pathname } : {}
  try {
    const what = { url: target, timeoutMs, agent, bodyBytesMax: BODY_BYTES_MAX, ...socket }
    const { status, headers, body } = await request(what)
    if (status !== 200) return `it answers ${status}`
    const header = headers[CLUSTER_HEADER.toLowerCase()]
    const clusterId = typeof header === 'string' && CLUSTER_ID.test(header) ? header : undefined
    const value = decode(body.toString(), clusterId)
    return value === undefined ? `its answer to ${path} is not that of a peer` : { value }
  } catch (error) {
    if (error instanceof ClientError) return error.message
    throw error
  }
}
