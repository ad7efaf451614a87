import { UserError } from '#lib/errors.ts'
import { readInitialCluster } from '../config/urls.ts'
import type { MemberId } from '../raft/types.ts'

/** What one has registered under a discovery token. */
export interface Registration {
  id: MemberId
  /** `name=url,name=url`. */
  value: string
  createdIndex: number
}

/** How a token stands for one member. */
export type TokenStand =
  /** Somebody else is to come. `isRegistered`: this member is among those that count. */
  | { kind: 'open'; isRegistered: boolean; found: readonly Registration[] }
  /** All are there, this member among them. */
  | { kind: 'complete'; found: readonly Registration[] }
  /** All are there, without this member. */
  | { kind: 'full'; found: readonly Registration[] }

/** Members of a cluster that a token is for. */
export const TOKEN_SIZE_MAX = 100

/**
 * Reads how many members a token is for.
 *
 * @throws UserError with the original's words
 */
export function readSize(text: string): number {
  const size = /^[+]?\d{1,9}$/.test(text) ? Number(text) : 0
  if (size < 1 || size > TOKEN_SIZE_MAX)
    throw new UserError(
      `discovery: size key is bad (${JSON.stringify(text)})`,
      `_config/size of the token must be a number from 1 to ${TOKEN_SIZE_MAX}`,
    )
  return size
}

/** Judges a token: the first `size` that came count, whatever comes after them does not. */
export function judgeToken(all: readonly Registration[], size: number, id: MemberId): TokenStand {
  const found = all.toSorted((a, b) => a.createdIndex - b.createdIndex).slice(0, size)
  const isRegistered = found.some(registration => registration.id === id)
  if (found.length < size) return { kind: 'open', isRegistered, found }
  return { kind: isRegistered ? 'complete' : 'full', found }
}

/**
 * Makes the founding members of what was registered.
 *
 * @throws UserError with the original's words
 */
export function clusterOfToken(found: readonly Registration[]): Map<string, string[]> {
  const text = found.map(({ value }) => value).join(',')
  let cluster: Map<string, string[]>
  try {
    cluster = readInitialCluster(text)
  } catch (error) {
    if (error instanceof UserError)
      throw new UserError(`discovery: invalid URL (${text}): ${error.message}`, 'make a new token')
    throw error
  }
  if (cluster.size !== found.length)
    throw new UserError(
      `discovery: found duplicate name (${text})`,
      'give each member a --name of its own and make a new token',
    )
  return cluster
}

/** What a member registers. */
export function registrationOf(name: string, peerUrls: readonly string[]): string {
  return peerUrls.map(url => `${name}=${url}`).join(',')
}

/**
 * Takes the URL of a token apart.
 *
 * @throws UserError when it cannot be that of a token
 */
export function parseTokenUrl(text: string): { origin: string; path: string } {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.pathname === '/' || url.search !== '')
    throw new UserError(
      `--discovery: ${text} is no URL of a token`,
      `make one: curl -w '\\n' 'https://HOST/new?size=3', and give all of what it prints`,
    )
  return { origin: url.origin, path: url.pathname.replace(/\/+$/, '') }
}
