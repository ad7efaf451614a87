import type { KeyStore } from '#lib/fleet/registry/store.ts'
import type { ApiTransport, Io, StoreConnection } from '../io.ts'

/** Says what is asked of the API and what it answers, for `--debug`. */
export function tracedApi(transport: ApiTransport, io: Io): ApiTransport {
  return {
    request: async (method, path, body) => {
      say(io, `${method} ${path}${body === undefined ? '' : ` ${body}`}`)
      const reply = await transport.request(method, path, body)
      say(io, `${reply.status} ${reply.body}`)
      return reply
    },
    stream: async path => {
      say(io, `GET ${path}`)
      return await transport.stream(path)
    },
    close: () => transport.close(),
  }
}

/** Says what is asked of etcd, for `--debug`. */
export function tracedStore({ keys, close }: StoreConnection, io: Io): StoreConnection {
  const traced: KeyStore = {
    get: (key, ...rest) => {
      say(io, `get ${key}`)
      return keys.get(key, ...rest)
    },
    set: (key, value, ...rest) => {
      say(io, `set ${key} ${value}`)
      return keys.set(key, value, ...rest)
    },
    create: (key, value, ...rest) => {
      say(io, `create ${key} ${value}`)
      return keys.create(key, value, ...rest)
    },
    refresh: (key, ...rest) => {
      say(io, `refresh ${key}`)
      return keys.refresh(key, ...rest)
    },
    delete: (key, ...rest) => {
      say(io, `delete ${key}`)
      return keys.delete(key, ...rest)
    },
    watch: (key, ...rest) => {
      say(io, `watch ${key}`)
      return keys.watch(key, ...rest)
    },
  }
  return { keys: traced, close }
}

function say(io: Io, line: string): void {
  io.err(`DEBUG fleetctl: ${line}\n`)
}
