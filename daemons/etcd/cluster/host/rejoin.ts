import { setTimeout as pause } from 'node:timers/promises'
import { UserError } from '#lib/errors.ts'
import { EtcdClient } from '#lib/etcd/client.ts'
import { ApiError, ClusterError } from '#lib/etcd/errors.ts'
import type { TlsFiles } from '#lib/etcd/host/transport.ts'
import type { FetchedCluster } from '../../peer/host/fetch.ts'
import { type Origin, originOf, type SameUrls } from '../plan.ts'
import { rejoinStep } from '../rejoin.ts'

/** Refusals by the strict check end once the others have been connected for a while. */
const TRIES_MAX = 30
const RETRY_MS = 2_000
const HEADER_TIMEOUT_MS = 8_000

/** What a member that lost its disk needs to take its place again. */
export interface RejoinOptions {
  peerUrls: readonly string[]
  /** The members as one of the others sees them now. */
  fetch(): Promise<FetchedCluster>
  equal: SameUrls
  /** For client URLs of https. */
  tls: TlsFiles | undefined
  log(line: string): void
  /** For tests. */
  retryMs?: number
}

/**
 * Removes the member that this one was and adds it anew, by the API of the others. It may be cut short and begun again
 * at any point.
 *
 * @throws UserError when the others refuse, with what to do about it
 */
export async function rejoin(options: RejoinOptions): Promise<Origin> {
  const { peerUrls, fetch, equal, log, retryMs = RETRY_MS } = options
  for (let tries = 1; ; tries++) {
    const running = await fetch()
    const step = rejoinStep(running.members, peerUrls, equal)
    if (step.kind === 'join') return originOf(step.self, running)
    const gone = step.kind === 'remove' ? step.id : ''
    const endpoints = running.members.filter(({ id }) => id !== gone).flatMap(({ clientUrls }) => clientUrls)
    if (endpoints.length === 0) throw new UserError('no other member says where clients reach it')
    const client = new EtcdClient({ endpoints, tls: options.tls, headerTimeoutMs: HEADER_TIMEOUT_MS })
    try {
      if (step.kind === 'remove') {
        log(`removing member ${step.id}, which this one was before it lost its data`)
        await client.members.remove(step.id)
      } else {
        log(`adding this member anew with peer URLs ${peerUrls.join(', ')}`)
        const { id } = await client.members.add(peerUrls[0]!)
        if (peerUrls.length > 1) await client.members.update(id, peerUrls)
      }
    } catch (error) {
      if (!isPassing(error) || tries >= TRIES_MAX) throw explain(error)
      log(`the others refuse for now (${firstLine(error)}); asking again in ${retryMs / 1000} s`)
      await pause(retryMs)
    } finally {
      client.close()
    }
  }
}

/** No leader yet, or the strict check: both pass. */
function isPassing(error: unknown): boolean {
  return error instanceof ClusterError || (error instanceof Error && error.name === 'EndpointError')
}

function explain(error: unknown): unknown {
  if (error instanceof ApiError && error.status === 401)
    return new UserError(
      'the cluster demands a password for changes of its members',
      "run 'etcdctl -u root member remove ID' and 'etcdctl -u root member add NAME URL', then start it with --initial-cluster-state existing",
    )
  if (error instanceof ApiError || isPassing(error))
    return new UserError(`cannot take part again: ${firstLine(error)}`, 'is the majority of the members up?')
  return error
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!
}
