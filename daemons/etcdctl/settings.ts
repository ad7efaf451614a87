import type { FlagSpec, Flags } from '#lib/cli/flags.ts'
import type { Io } from './io.ts'

/** What the global flags and the environment say. */
export interface Settings {
  debug: boolean
  sync: boolean
  output: string
  /** As given: with or without scheme. */
  endpoints: readonly string[]
  /** Domain to ask for endpoints in place of `endpoints`; '' for none. */
  discoveryDomain: string
  insecureDiscovery: boolean
  certFile: string
  keyFile: string
  caFile: string
  /** `user` or `user:password`; '' for none. */
  username: string
  /** Time for a member to begin its answer; 0 is no limit. */
  timeoutMs: number
  /** Time for a command except watches; 0 is no limit (with the original it is no time at all). */
  totalTimeoutMs: number
}

const DEFAULT_ENDPOINTS = 'http://127.0.0.1:2379,http://127.0.0.1:4001'

/** Flags that stand before the command. */
export const GLOBAL_FLAGS: readonly FlagSpec[] = [
  { names: ['debug'], type: 'bool', usage: 'show each request as a curl command' },
  {
    names: ['no-sync'],
    type: 'bool',
    usage: 'ask the given endpoints only, without asking them for the members',
  },
  {
    names: ['output', 'o'],
    type: 'string',
    default: 'simple',
    placeholder: 'format',
    usage: 'how to print answers: simple, extended or json',
  },
  { names: ['discovery-srv', 'D'], type: 'string', usage: 'domain whose SRV records name the endpoints' },
  { names: ['insecure-discovery'], type: 'bool', usage: 'use endpoints without TLS from SRV records too' },
  { names: ['peers', 'C'], type: 'string', usage: 'deprecated: use --endpoints' },
  { names: ['endpoint'], type: 'string', usage: 'deprecated: use --endpoints' },
  {
    names: ['endpoints'],
    type: 'string',
    usage: `client URLs of members, separated by commas (default: "${DEFAULT_ENDPOINTS}")`,
  },
  { names: ['cert-file'], type: 'string', usage: 'certificate to show to servers (PEM)' },
  { names: ['key-file'], type: 'string', usage: 'private key of that certificate (PEM)' },
  { names: ['ca-file'], type: 'string', usage: 'authorities whose servers are trusted (PEM)' },
  {
    names: ['username', 'u'],
    type: 'string',
    usage: 'user[:password]; asks for the password when it is left out',
  },
  { names: ['timeout'], type: 'duration', default: '2s', usage: 'how long a member may take to answer' },
  {
    names: ['total-timeout'],
    type: 'duration',
    default: '5s',
    usage: 'how long a command may take, except watches',
  },
]

/**
 * Reads the settings. A flag goes before its environment variable, except that for endpoints each of the three
 * names is looked up as flag and variable in turn, the newest name first.
 */
export function readSettings(flags: Flags, env: Io['env']): Settings {
  const text = (flag: string, variable: string): string => flags.text(flag) || env[variable] || ''
  const endpoints =
    text('endpoints', 'ETCDCTL_ENDPOINTS') ||
    text('endpoint', 'ETCDCTL_ENDPOINT') ||
    text('peers', 'ETCDCTL_PEERS') ||
    DEFAULT_ENDPOINTS
  return {
    debug: flags.on('debug'),
    sync: !flags.on('no-sync'),
    output: flags.text('output'),
    endpoints: endpoints.split(','),
    discoveryDomain: text('discovery-srv', 'ETCDCTL_DISCOVERY_SRV'),
    insecureDiscovery: flags.on('insecure-discovery') || (env['ETCDCTL_INSECURE_DISCOVERY'] ?? '') !== '',
    certFile: text('cert-file', 'ETCDCTL_CERT_FILE'),
    keyFile: text('key-file', 'ETCDCTL_KEY_FILE'),
    caFile: text('ca-file', 'ETCDCTL_CA_FILE'),
    username: text('username', 'ETCDCTL_USERNAME'),
    timeoutMs: flags.number('timeout'),
    totalTimeoutMs: flags.number('total-timeout'),
  }
}

/**
 * The base URL that a word means; plain `host` and `host:port` mean http. (The original took `host:port` up to 2.0
 * and then refused it with a parser's message.)
 *
 * @throws Error naming the word when it is no URL of a server
 */
export function parseEndpoint(word: string): string {
  const text = word.trim()
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`
  const url = URL.parse(full)
  if (url === null || url.hostname === '' || !/^https?:$/.test(url.protocol))
    throw new Error(`endpoint ${JSON.stringify(word)} is no http or https URL`)
  return full.replace(/\/+$/, '')
}
