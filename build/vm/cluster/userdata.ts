/** What stands for a token in the user-data that people have, with the service that is gone. */
const PLACE = /https?:\/\/discovery\.etcd\.io\/<token>|<discovery_url>/g

/** Whether user-data asks for a token. */
export function needsToken(text: string): boolean {
  return text.search(PLACE) >= 0
}

/** User-data with the address of our discovery service and its token in every place for it. */
export function fillToken(text: string, url: string): string {
  return text.replaceAll(PLACE, () => url)
}

/** Keys of etcd by which user-data says itself how often members tell of one another. */
const PACE = /^\s*(?:heartbeat-interval|election-timeout)\s*:/m

/**
 * Environment of etcd on emulated machines, or undefined where user-data has a pace of its own. The default is made for
 * processors that answer within a millisecond: under TCG ten signs of life a second cost a guest time that it needs, and
 * one that works may be late by more than the second after which another one wants to lead.
 */
export function emulatedPace(userData: string): string | undefined {
  return PACE.test(userData) ? undefined : 'ETCD_HEARTBEAT_INTERVAL=300\nETCD_ELECTION_TIMEOUT=2000\n'
}

/** Whether a machine is among those that have registered under a token: by its address, its name is that of a disk. */
export function isRegistered(values: readonly string[], address: string): boolean {
  return values.some(value => value.split(',').some(member => member.includes(`://${address}:`)))
}
