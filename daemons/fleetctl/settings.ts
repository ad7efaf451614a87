import type { FlagSpec, Flags } from '#lib/cli/flags.ts'
import { type ConnectOptions, Failure, type Io, type SshOptions } from './io.ts'

/** Where the API is when nobody says so; an etcd is not there. */
const API_ENDPOINT = 'unix:///var/run/fleet.sock'
const ETCD_ENDPOINTS = 'http://127.0.0.1:2379,http://127.0.0.1:4001'

/** Flags of every command, before or after its name (spec fleet a.1). */
export const GLOBAL_FLAGS: readonly FlagSpec[] = [
  {
    names: ['endpoint'],
    type: 'string',
    default: API_ENDPOINT,
    usage:
      'URL of the API: unix:///PATH, http://HOST:PORT or https://HOST:PORT; with --driver=etcd those of etcd',
  },
  {
    names: ['driver'],
    type: 'string',
    default: 'API',
    usage: 'API, or etcd to read and write the registry without a fleetd',
  },
  {
    names: ['etcd-key-prefix'],
    type: 'string',
    default: '/_coreos.com/fleet/',
    usage: 'where in etcd the registry is, for --driver=etcd',
  },
  { names: ['ca-file', 'etcd-cafile'], type: 'string', usage: 'trusted authorities for https, PEM' },
  { names: ['cert-file', 'etcd-certfile'], type: 'string', usage: 'certificate to show, PEM' },
  { names: ['key-file', 'etcd-keyfile'], type: 'string', usage: 'its key, PEM' },
  { names: ['insecure-skip-verify'], type: 'bool', usage: 'do not check who answers to https' },
  { names: ['tunnel'], type: 'string', usage: 'go through this SSH host, HOST[:PORT]' },
  { names: ['ssh-username'], type: 'string', default: 'core', usage: 'user on the machines' },
  {
    names: ['ssh-timeout'],
    type: 'string',
    default: '10',
    usage: 'seconds for an SSH connection to come about',
  },
  {
    names: ['strict-host-key-checking'],
    type: 'bool',
    default: 'true',
    usage: 'ask about machines whose keys are not known',
  },
  {
    names: ['known-hosts-file'],
    type: 'string',
    default: '~/.fleetctl/known_hosts',
    usage: 'keys of the machines that were seen before',
  },
  {
    names: ['request-timeout'],
    type: 'string',
    default: '',
    usage: 'seconds for a request, by default 3 to an etcd and 30 to the API; 0 is no limit',
  },
  { names: ['experimental-api'], type: 'bool', default: 'true', usage: 'deprecated', hidden: true },
  { names: ['debug'], type: 'bool', usage: 'say on stderr what is asked' },
]

const ENV_PREFIX = 'FLEETCTL_'
const UNABLE = 'Unable to initialize client'
/** What the global flags say. */
export interface Settings {
  /** Through the API of a fleetd, or at the registry itself. */
  driver: 'API' | 'etcd'
  /** Of the registry in etcd. */
  keyPrefix: string
  connect: ConnectOptions
  ssh: SshOptions
  isDebug: boolean
}

/**
 * Reads flags, and the environment for those that were not given.
 *
 * @throws Failure that names what is wrong
 */
export async function readSettings(flags: Flags, io: Io): Promise<Settings> {
  const fromEnv = (name: string): string | undefined => {
    const names = GLOBAL_FLAGS.find(spec => spec.names[0] === name)?.names ?? []
    const variables = names.map(alias => `${ENV_PREFIX}${alias.toUpperCase().replaceAll('-', '_')}`)
    return variables.map(variable => io.env[variable]).find(value => value !== undefined)
  }
  const text = (name: string): string =>
    flags.given(name) ? flags.text(name) : (fromEnv(name) ?? flags.text(name))
  const on = (name: string): boolean => {
    const value = flags.given(name) ? undefined : fromEnv(name)
    return value === undefined ? flags.on(name) : readBool(name, value)
  }
  const driver = readDriver(text('driver'))
  const tunnel = text('tunnel')
  const ssh: SshOptions = {
    user: text('ssh-username'),
    timeoutSeconds: seconds('ssh-timeout', text('ssh-timeout')),
    strictHostKeyChecking: on('strict-host-key-checking'),
    knownHostsFile: await expandHome(text('known-hosts-file'), io),
    port: 22,
    tunnel,
    forwardAgent: false,
  }
  if ((text('cert-file') === '') !== (text('key-file') === ''))
    throw new Failure(`${UNABLE}: --cert-file and --key-file belong together`)
  const connect: ConnectOptions = {
    endpoints: readEndpoints(text('endpoint'), driver, io),
    caFile: text('ca-file'),
    certFile: text('cert-file'),
    keyFile: text('key-file'),
    skipVerify: on('insecure-skip-verify'),
    timeoutMs: seconds('request-timeout', text('request-timeout') || REQUEST_SECONDS[driver]) * 1000,
    tunnel,
    ssh,
  }
  return { driver, keyPrefix: text('etcd-key-prefix'), connect, ssh, isDebug: on('debug') }
}

/** An API waits for its store, and for what it has written to come back. */
const REQUEST_SECONDS = { API: '30', etcd: '3' }

function readDriver(text: string): Settings['driver'] {
  if (text === 'API' || text === 'etcd') return text
  throw new Failure(`${UNABLE}: unrecognized driver ${JSON.stringify(text)}`)
}

/** Of a list, an API needs one. */
function readEndpoints(text: string, driver: Settings['driver'], io: Io): string[] {
  const given = driver === 'etcd' && text === API_ENDPOINT ? ETCD_ENDPOINTS : text
  const endpoints = given
    .split(',')
    .map(endpoint => endpoint.trim())
    .filter(endpoint => endpoint !== '')
  if (endpoints.length === 0) throw new Failure(`${UNABLE}: no endpoint is given`)
  if (driver === 'etcd') return endpoints.map(parseStoreEndpoint)
  if (endpoints.length > 1) io.err(`WARN: only the first endpoint is asked: ${endpoints[0]}\n`)
  return [endpoints[0]!]
}

/** The base URL of an etcd. */
function parseStoreEndpoint(endpoint: string): string {
  const url = URL.parse(endpoint)
  if (!/^[a-zA-Z][a-zA-Z0-9+.-]*:\/\//.test(endpoint)) throw new Failure(`${UNABLE}: URL scheme undefined`)
  if (url === null || url.hostname === '' || !/^https?:$/.test(url.protocol))
    throw new Failure(`${UNABLE}: etcd endpoint ${JSON.stringify(endpoint)} is no http or https URL`)
  return endpoint.replace(/\/+$/, '')
}

/** Where an endpoint leads: a unix socket, or a URL. */
export function parseEndpoint(endpoint: string): { socketPath: string } | { url: string } {
  const match = /^([a-zA-Z][a-zA-Z0-9+.-]*):\/\/([^/]*)(.*)$/s.exec(endpoint)
  if (match === null) throw new Failure(`${UNABLE}: URL scheme undefined`)
  const [, scheme, host, path] = match
  if (scheme === 'unix' || scheme === 'file') {
    if (host !== '')
      throw new Failure(
        `${UNABLE}: unable to connect to host ${JSON.stringify(host)} with scheme ${JSON.stringify(scheme)}`,
      )
    return { socketPath: path! }
  }
  if (scheme === 'http' || scheme === 'https') return { url: `${scheme}://${host}` }
  throw new Failure(`${UNABLE}: URL scheme ${JSON.stringify(scheme)} is not unix, http or https`)
}

/** A word that is neither would else switch off what keeps people safe. */
function readBool(name: string, text: string): boolean {
  if (['true', '1', 't'].includes(text.toLowerCase())) return true
  if (['false', '0', 'f', ''].includes(text.toLowerCase())) return false
  throw new Failure(`invalid argument ${JSON.stringify(text)} for --${name}: true or false`)
}

function seconds(name: string, text: string): number {
  const value = Number(text)
  if (text === '' || !Number.isFinite(value) || value < 0)
    throw new Failure(`invalid argument ${JSON.stringify(text)} for --${name}: a number of seconds`)
  return value
}

/** `~/x` and `~user/x` of somebody who is there. */
async function expandHome(path: string, io: Io): Promise<string> {
  const [, user, rest] = /^~([^/]*)(\/.*)$/s.exec(path) ?? []
  if (user === undefined) return path
  const home = user === '' ? io.env.HOME : await io.homeOf(user)
  return home === undefined ? path : `${home}${rest}`
}
