import { ApiRefusal } from './answer.ts'

/** What a request is about. */
export type Route =
  | { kind: 'discovery' | 'units' | 'states' | 'machines' | 'patch' | 'events' | 'metrics' }
  | { kind: 'get' | 'put' | 'delete' | 'state' | 'restart' | 'why'; name: string }
  | { kind: 'status' | 'journal'; name: string }

const PREFIXES = ['/fleet/v1', '/v1-alpha']

/**
 * Finds out what is asked for (spec fleet b).
 *
 * @param path as sent, without the query
 * @throws ApiRefusal with the original's words
 */
export function routeOf(method: string, path: string): Route {
  if (path === '/metrics') return only(method, ['GET'], 'GET', { kind: 'metrics' })
  const prefix = PREFIXES.find(start => path === start || path.startsWith(`${start}/`))
  if (path === '/' || path === prefix) throw new ApiRefusal(405, '')
  if (prefix === undefined) throw new ApiRefusal(404, '')
  const [, resource = '', name, action, ...more] = path.slice(prefix.length).split('/')
  if (more.length > 0) throw new ApiRefusal(404, '')
  if (name === undefined) return collection(method, resource)
  if (name === '') throw new ApiRefusal(404, '')
  return item(method, resource, decoded(name), action)
}

function collection(method: string, resource: string): Route {
  switch (resource) {
    case 'discovery':
      if (method !== 'GET') throw new ApiRefusal(400, 'only HTTP GET supported against this resource')
      return { kind: 'discovery' }
    case 'units':
      return only(method, ['GET'], 'GET', { kind: 'units' })
    case 'state':
      return only(method, ['GET'], 'GET', { kind: 'states' })
    case 'events':
      return only(method, ['GET'], 'GET', { kind: 'events' })
    case 'machines':
      return only(method, ['GET', 'PATCH'], 'GET and PATCH', {
        kind: method === 'PATCH' ? 'patch' : 'machines',
      })
    default:
      throw new ApiRefusal(404, '')
  }
}

function item(method: string, resource: string, name: string, action: string | undefined): Route {
  if (resource === 'state' && action === undefined)
    return only(method, ['GET'], 'GET', { kind: 'state', name })
  if (resource !== 'units') throw new ApiRefusal(404, '')
  switch (action) {
    case undefined:
      return only(method, ['GET', 'PUT', 'DELETE'], 'GET, PUT and DELETE', {
        kind: method === 'PUT' ? 'put' : method === 'DELETE' ? 'delete' : 'get',
        name,
      })
    case 'restart':
      return only(method, ['PUT'], 'PUT', { kind: 'restart', name })
    case 'why':
    case 'status':
    case 'journal':
      return only(method, ['GET'], 'GET', { kind: action, name })
    default:
      throw new ApiRefusal(404, '')
  }
}

function only(method: string, allowed: readonly string[], words: string, route: Route): Route {
  if (allowed.includes(method)) return route
  throw new ApiRefusal(405, `only ${words} supported against this resource`)
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    throw new ApiRefusal(404, '')
  }
}
