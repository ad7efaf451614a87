import type { MemberId } from '../raft/types.ts'

/** Where one member opens the stream of its messages to another; and the name of what is spoken on it then. */
export const STREAM_PATH = '/orlop/raft/stream'
export const STREAM_PROTOCOL = 'orlop-raft/1'
/** Where a snapshot is handed over; and the name of what is spoken on it then. */
export const SNAPSHOT_PATH = '/orlop/raft/snapshot'
export const SNAPSHOT_PROTOCOL = 'orlop-snapshot/1'

/** Headers of the handshake, in the original's words. */
export const CLUSTER_HEADER = 'X-Etcd-Cluster-ID'
export const FROM_HEADER = 'X-Server-From'
export const TO_HEADER = 'X-Raft-To'
export const VERSION_HEADER = 'X-Server-Version'

const ID = /^[1-9a-f][0-9a-f]{0,15}$/

/** Who asks whom, in which cluster and protocol; `undefined` for a header that was not sent. */
export interface Greeting {
  protocol: string | undefined
  clusterId: string | undefined
  from: MemberId | undefined
  to: MemberId | undefined
  version: string | undefined
}

/** A greeting of ours. */
export type OwnGreeting = { [Name in keyof Greeting]: string }

/** Who is asked. */
export interface Host {
  protocol: string
  clusterId: string
  id: MemberId
  wasRemoved(id: MemberId): boolean
}

/** Why a greeting is refused. */
export interface GreetingRefusal {
  status: 400 | 410 | 412 | 426
  /** One line for both logs. */
  why: string
}

/** The first lines of a connection, without `Host`. */
export function greetingHeaders(greeting: OwnGreeting): Record<string, string> {
  return {
    Connection: 'Upgrade',
    Upgrade: greeting.protocol,
    [CLUSTER_HEADER]: greeting.clusterId,
    [FROM_HEADER]: greeting.from,
    [TO_HEADER]: greeting.to,
    [VERSION_HEADER]: greeting.version,
  }
}

/** Judges a greeting; undefined: welcome. The cluster goes first: in another one nothing else means anything. */
export function judgeGreeting(greeting: Greeting, host: Host): GreetingRefusal | undefined {
  const { protocol, clusterId, from, to, version } = greeting
  if (from === undefined || !ID.test(from))
    return { status: 400, why: `the header ${FROM_HEADER} holds no member id` }
  if (clusterId !== host.clusterId)
    return {
      status: 412,
      why: `cluster ID mismatch: member ${from} is of cluster ${clusterId ?? '(none)'}, this one of ${host.clusterId}`,
    }
  if (host.wasRemoved(from))
    return { status: 410, why: `the member has been permanently removed from the cluster: ${from}` }
  if (to !== host.id)
    return { status: 412, why: `member ${from} looks for member ${to ?? '(none)'}, this one is ${host.id}` }
  if (protocol !== host.protocol)
    return {
      status: 426,
      why:
        `member ${from} of version ${version ?? '(unknown)'} speaks ${protocol ?? 'plain HTTP'}, ` +
        `this one ${host.protocol}: run the same version on all members`,
    }
  return undefined
}
