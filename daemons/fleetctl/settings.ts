import type { FlagSpec, Flags } from '#lib/cli/flags.ts'
import { type ConnectOptions, Failure, type Io, type SshOptions } from './io.ts'

/** Flags of every command, before or after its name (spec fleet a.1). */
export const GLOBAL_FLAGS: readonly FlagSpec[] = [
  {
    names: ['endpoint'],
    type: 'string',
    default: 'unix:///var/run/fleet.sock',
    usage: 'URL of the API: unix:///PATH, http://HOST:PORT or https://HOST:PORT',
  },
  { names: ['driver'], type: 'string', default: 'API', usage: 'how the registry is reached; API' },
  {
    names: ['etcd-key-prefix'],
    type: 'string',
    default: '/_coreos.com/fleet/',
    usage: 'of the registry, for --driver=etcd',
    hidden: true,
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
  { names: ['request-timeout'], type: 'string', default: '3', usage: 'seconds for a request; 0 is no limit' },
  { names: ['experimental-api'], type: 'bool', default: 'true', usage: 'without effect', hidden: true },
  { names: ['debug'], type: 'bool', usage: 'say on stderr what is asked of the API' },
]

const ENV_PREFIX = 'FLEETCTL_'
const DRIVERS = ['API', 'etcd']

/** What the global flags say. */
export interface Settings {
  connect: ConnectOptions
  ssh: SshOptions
  isDebug: boolean
}

/**
 * Reads flags, and the environment for those that were not given.
 *
 * @throws Failure that names what is wrong
 */
export function readSettings(flags: Flags, io: Io): Settings {
  const text = (name: string): string => {
    const variable = `${ENV_PREFIX}${name.toUpperCase().replaceAll('-', '_')}`
    return flags.given(name) ? flags.text(name) : (io.env[variable] ?? flags.text(name))
  }
  const on = (name: string): boolean => {
    const value = io.env[`${ENV_PREFIX}${name.toUpperCase().replaceAll('-', '_')}`]
    return flags.given(name) || value === undefined
      ? flags.on(name)
      : ['true', '1', 't'].includes(value.toLowerCase())
  }
  const driver = text('driver')
  if (!DRIVERS.includes(driver))
    throw new Failure(`Unable to initialize client: unrecognized driver ${JSON.stringify(driver)}`)
  if (driver === 'etcd')
    throw new Failure('Unable to initialize client: driver "etcd" is not built in; use the API of any fleetd')
  const tunnel = text('tunnel')
  const ssh: SshOptions = {
    user: text('ssh-username'),
    timeoutSeconds: seconds('ssh-timeout', text('ssh-timeout')),
    strictHostKeyChecking: on('strict-host-key-checking'),
    knownHostsFile: expandHome(text('known-hosts-file'), io),
    port: 22,
    tunnel,
    forwardAgent: false,
  }
  const connect: ConnectOptions = {
    endpoint: text('endpoint').split(',')[0]!.trim(),
    caFile: text('ca-file'),
    certFile: text('cert-file'),
    keyFile: text('key-file'),
    skipVerify: on('insecure-skip-verify'),
    timeoutMs: seconds('request-timeout', text('request-timeout')) * 1000,
    tunnel,
    ssh,
  }
  return { connect, ssh, isDebug: on('debug') }
}

/** Where an endpoint leads: a unix socket, or a URL. */
export function parseEndpoint(endpoint: string): { socketPath: string } | { url: string } {
  const match = /^([a-zA-Z][a-zA-Z0-9+.-]*):\/\/([^/]*)(.*)$/s.exec(endpoint)
  if (match === null) throw new Failure('Unable to initialize client: URL scheme undefined')
  const [, scheme, host, path] = match
  if (scheme === 'unix' || scheme === 'file') {
    if (host !== '')
      throw new Failure(
        `Unable to initialize client: unable to connect to host ${JSON.stringify(host)} with scheme ${JSON.stringify(scheme)}`,
      )
    return { socketPath: path! }
  }
  if (scheme === 'http' || scheme === 'https') return { url: `${scheme}://${host}` }
  throw new Failure(
    `Unable to initialize client: URL scheme ${JSON.stringify(scheme)} is not unix, http or https`,
  )
}

function seconds(name: string, text: string): number {
  const value = Number(text)
  if (text === '' || !Number.isFinite(value) || value < 0)
    throw new Failure(`invalid argument ${JSON.stringify(text)} for --${name}: a number of seconds`)
  return value
}

function expandHome(path: string, io: Io): string {
  return path.startsWith('~/') ? `${io.env.HOME ?? ''}${path.slice(1)}` : path
}
