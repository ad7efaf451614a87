/** Where a request goes. */
export type Route =
  | { kind: 'root' | 'health' | 'robots' }
  | { kind: 'new'; size: string }
  /** Passed on to the store: `key` below the registry, with the methods that it takes. */
  | { kind: 'keys'; key: string; isMember: boolean }
  | { kind: 'unknown' }

const TOKEN = /^\/([a-f0-9]{32})\/?$/
const MEMBER = /^\/([a-f0-9]{32})\/([a-f0-9]{1,16})$/
const SIZE = /^\/([a-f0-9]{32})\/_config\/size$/

/** Reads path and query of a request. */
export function routeOf(path: string, query: string): Route {
  if (path === '/') return { kind: 'root' }
  if (path === '/health') return { kind: 'health' }
  if (path === '/robots.txt') return { kind: 'robots' }
  if (path === '/new') return { kind: 'new', size: new URLSearchParams(query).get('size') ?? '' }
  const member = MEMBER.exec(path)
  if (member !== null) return { kind: 'keys', key: `/${member[1]}/${member[2]}`, isMember: true }
  const token = TOKEN.exec(path) ?? SIZE.exec(path)
  if (token !== null) return { kind: 'keys', key: path.replace(/\/$/, ''), isMember: false }
  return { kind: 'unknown' }
}

/**
 * Reads how many members a token is to be for.
 *
 * @returns the number, or why it is none
 */
export function readSize(text: string, sizeMax: number): number | string {
  if (text === '') return SIZE_WHEN_NONE
  const size = Number(text)
  if (!/^\d{1,6}$/.test(text) || size < 1 || size > sizeMax)
    return `size must be a number from 1 to ${sizeMax}, not ${JSON.stringify(text)}`
  return size
}

/** As the original: of the smallest cluster that survives the loss of a member. */
const SIZE_WHEN_NONE = 3

/** The methods that a route takes, in the order they are shown. */
export function methodsOf(route: Route): readonly string[] {
  if (route.kind !== 'keys') return ['GET', 'HEAD', 'PUT', 'POST']
  if (route.isMember) return ['GET', 'PUT', 'DELETE']
  return ['GET']
}
