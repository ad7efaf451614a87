import type { Configuration, MemberId } from '../raft/types.ts'
import type { Node } from '../store/node.ts'
import type { Operation } from '../store/operation.ts'
import type { Store } from '../store/store.ts'
import { compareIds } from './identity.ts'
import type { ClusterMember } from './service.ts'

/** Records of the cluster stand in the store below this (specification §1). */
const MEMBERS = '/0/members'
const REMOVED = '/0/removed_members'
const VERSION = '/0/version'
const LEAVING = 'leaving'

const NOBODY: readonly string[] = []

/** Who belongs to the cluster, as its records in the store say. */
export class Roster {
  members: readonly ClusterMember[] = []
  removed: ReadonlySet<MemberId> = new Set()
  /** Do not vote any more and are to be removed (`ChangeKind` in `../raft/membership.ts`). */
  leaving: ReadonlySet<MemberId> = new Set()
  version: string | undefined

  /** Reads the records anew; they are few and change rarely. */
  read(store: Store, configuration: Configuration): void {
    const { tree } = store.state
    const removed = new Set(tree.find(REMOVED)?.children?.keys())
    const leaving = new Set<MemberId>()
    const members: ClusterMember[] = []
    for (const [id, node] of tree.find(MEMBERS)?.children ?? []) {
      const member = memberOf(id, node, configuration)
      if (member === undefined || removed.has(id)) continue
      members.push(member)
      if (node.children?.has(LEAVING) === true) leaving.add(id)
    }
    this.members = members.sort((a, b) => compareIds(a.id, b.id))
    this.removed = removed
    this.leaving = leaving
    this.version = tree.find(VERSION)?.value
  }

  find(id: MemberId): ClusterMember | undefined {
    return this.members.find(member => member.id === id)
  }

  /**
   * Whom a member speaks with, and where.
   *
   * @param told whom else it was told of; removed ones are left out, and the records know better where one is
   */
  peersOf(id: MemberId, told: ReadonlyMap<MemberId, readonly string[]>): Map<MemberId, readonly string[]> {
    const peers = new Map(told)
    for (const removed of this.removed) peers.delete(removed)
    for (const member of this.members) peers.set(member.id, member.peerUrls)
    peers.delete(id)
    return peers
  }
}

/** Whether a path belongs to the cluster's records. */
export function isRecord(path: string): boolean {
  return path.charCodeAt(1) === 0x30 && path.charCodeAt(2) === 0x2f
}

/** Writes where the others reach a member; only of one that is there when `isNew` is false. */
export function peersRecord(id: MemberId, peerUrls: readonly string[], isNew: boolean): Operation {
  const path = `${MEMBERS}/${id}/raftAttributes`
  const value = JSON.stringify({ peerURLs: peerUrls })
  if (isNew) return { type: 'set', path, dir: false, value, expiresAtMs: 0, refresh: false }
  return { type: 'update', path, value, expiresAtMs: 0, refresh: false }
}

/** Writes what a member says of itself. */
export function selfRecord(id: MemberId, name: string, clientUrls: readonly string[]): Operation {
  const value = JSON.stringify({ name, clientURLs: clientUrls })
  return set(`${MEMBERS}/${id}/attributes`, value)
}

/** Writes on which version the cluster agreed. */
export function versionRecord(version: string): Operation {
  return set(VERSION, version)
}

/** Marks a member that does not vote any more and is to be removed, so that every leader sees to it. */
export function leavingRecord(id: MemberId): Operation {
  return set(`${MEMBERS}/${id}/${LEAVING}`, 'true')
}

/** Takes that mark back; an error where there is none. */
export function stayingRecord(id: MemberId): Operation {
  return { type: 'delete', path: `${MEMBERS}/${id}/${LEAVING}`, dir: false, recursive: false }
}

/** Removes the records of all members: what is copied belongs to none of them. */
export function forgottenMembers(): Operation {
  return { type: 'delete', path: MEMBERS, dir: true, recursive: true }
}

/** What a removal writes: the member's records go, its id never comes again. */
export function removalRecords(id: MemberId): Operation[] {
  return [
    { type: 'delete', path: `${MEMBERS}/${id}`, dir: true, recursive: true },
    set(`${REMOVED}/${id}`, 'removed'),
  ]
}

function set(path: string, value: string): Operation {
  return { type: 'set', path, dir: false, value, expiresAtMs: 0, refresh: false }
}

/** Undefined for records that do not say where it is reached. */
function memberOf(id: MemberId, node: Node, { learners }: Configuration): ClusterMember | undefined {
  const peers = objectOf(node.children?.get('raftAttributes')?.value)
  if (peers === undefined) return undefined
  const self = objectOf(node.children?.get('attributes')?.value)
  return {
    id,
    name: typeof self?.name === 'string' ? self.name : '',
    peerUrls: textsOf(peers.peerURLs),
    clientUrls: textsOf(self?.clientURLs),
    isLearner: learners.includes(id),
  }
}

interface RecordObject {
  name?: unknown
  peerURLs?: unknown
  clientURLs?: unknown
}

/** Undefined for what is missing or no JSON object: the store takes any text from those who write there. */
function objectOf(text: string | undefined): RecordObject | undefined {
  if (text === undefined) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

function textsOf(value: unknown): readonly string[] {
  if (!Array.isArray(value)) return NOBODY
  return value.filter(text => typeof text === 'string')
}
