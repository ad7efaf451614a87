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

/** Whether a machine is among those that have registered under a token: by its address, its name is that of a disk. */
export function isRegistered(values: readonly string[], address: string): boolean {
  return values.some(value => value.split(',').some(member => member.includes(`://${address}:`)))
}
