import type { Founder, Origin } from './plan.ts'

/** The file that keeps an origin, in the folder of the member. */
export const ORIGIN_FILE = 'origin.json'

const ID = /^[1-9a-f][0-9a-f]{0,15}$/

/** An origin as it is kept. */
export function encodeOrigin(origin: Origin): string {
  return `${JSON.stringify(origin, undefined, 2)}\n`
}

/** What `encodeOrigin` writes; undefined for anything else. */
export function decodeOrigin(text: string): Origin | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { id, clusterId, founders, peers } = value as Record<string, unknown>
  if (!isId(id) || !isId(clusterId) || !isFounders(founders) || !isFounders(peers)) return undefined
  return { id, clusterId, founders, peers }
}

/** The file of a proxy, as the original writes it. */
export function encodeProxyCluster(peerUrls: readonly string[]): string {
  return JSON.stringify({ PeerURLs: peerUrls })
}

/** What `encodeProxyCluster` or the original writes; undefined for anything else. */
export function decodeProxyCluster(text: string): string[] | undefined {
  try {
    const value: unknown = JSON.parse(text)
    const urls =
      typeof value === 'object' && value !== null && 'PeerURLs' in value ? value.PeerURLs : undefined
    return isTexts(urls) ? urls : undefined
  } catch {
    return undefined
  }
}

function isId(value: unknown): value is string {
  return typeof value === 'string' && ID.test(value)
}

function isFounders(value: unknown): value is Founder[] {
  return (
    Array.isArray(value) &&
    value.every((item: unknown) => {
      if (typeof item !== 'object' || item === null) return false
      const { id, name, peerUrls } = item as Record<string, unknown>
      return isId(id) && typeof name === 'string' && isTexts(peerUrls)
    })
  )
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(item => typeof item === 'string')
}
