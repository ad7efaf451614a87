import { parseDuration } from '#lib/cli/duration.ts'
import { UserError } from '#lib/errors.ts'

/** How fleetd is run (spec fleet g). */
export interface Settings {
  /** Above 0, more is logged. */
  verbosity: number
  etcdServers: readonly string[]
  etcdUsername: string
  etcdPassword: string
  etcdCaFile: string
  etcdCertFile: string
  etcdKeyFile: string
  etcdKeyPrefix: string
  etcdRequestTimeoutMs: number
  engineIntervalMs: number
  /** `''`: found out. */
  publicIp: string
  metadata: Readonly<Record<string, string>>
  agentTtlMs: number
  unitsDirectory: string
  systemdUser: boolean
  tokenLimit: number
  disableEngine: boolean
  /** Ours: units moved at a time only to even out the load; 0 for never. */
  rebalanceMax: number
}

/** Settings with what was wrong or is not read any more. */
export interface ReadSettings {
  settings: Settings
  warnings: string[]
}

const DEFAULTS: Readonly<Record<string, string>> = {
  verbosity: '0',
  etcd_servers: 'http://127.0.0.1:2379,http://127.0.0.1:4001',
  etcd_username: '',
  etcd_password: '',
  etcd_cafile: '',
  etcd_certfile: '',
  etcd_keyfile: '',
  etcd_key_prefix: '/_coreos.com/fleet/',
  etcd_request_timeout: '1.0',
  engine_reconcile_interval: '2.0',
  public_ip: '',
  metadata: '',
  agent_ttl: '30s',
  units_directory: '/run/fleet/units/',
  systemd_user: 'false',
  token_limit: '100',
  disable_engine: 'false',
  rebalance: '0',
}
/** Keys of the original that change nothing here, each with what to know. */
const IGNORED: Readonly<Record<string, string>> = {
  enable_grpc: 'machines of the fleet speak only through etcd',
  disable_watches: 'changes are always followed by an indexed watch',
  verify_units: 'it has been without effect for long',
  authorized_keys_file: 'it has been without effect for long',
}
const ENV_PREFIX = 'FLEET_'
const TTL_MS_MIN = 1_000
const TOKEN_LIMIT_MAX = 65_535
const REBALANCE_MAX = 1_000

/**
 * Reads the configuration: a file of `key=value`, over it the environment.
 *
 * @param file name for messages
 * @throws UserError that names the key
 */
export function readSettings(
  text: string,
  file: string,
  env: Readonly<Record<string, string | undefined>>,
): ReadSettings {
  const warnings: string[] = []
  const values: Record<string, string> = { ...DEFAULTS }
  const sources: Record<string, string> = {}
  const take = (key: string, value: string, source: string): void => {
    if (key in DEFAULTS) {
      values[key] = value
      sources[key] = source
    } else if (key in IGNORED) warnings.push(`${source}: ${key} is ignored: ${IGNORED[key]}`)
    else warnings.push(`${source}: there is no setting ${key}`)
  }
  for (const [line, key, value] of readLines(text, file)) take(key, value, `${file}: line ${line}`)
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith(ENV_PREFIX) || value === undefined) continue
    const key = name.slice(ENV_PREFIX.length).toLowerCase()
    if (key in DEFAULTS || key in IGNORED) take(key, value, name)
  }
  return { settings: new Reader(values, sources).settings(), warnings }
}

function* readLines(text: string, file: string): Iterable<[line: number, key: string, value: string]> {
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue
    const equals = line.indexOf('=')
    if (equals < 1) throw new UserError(`${file}: line ${index + 1}: expected key=value`)
    const value = line.slice(equals + 1).trim()
    const isQuoted = value.length > 1 && /^(["']).*\1$/.test(value)
    yield [index + 1, line.slice(0, equals).trim(), isQuoted ? value.slice(1, -1) : value]
  }
}

class Reader {
  readonly #values: Readonly<Record<string, string>>
  readonly #sources: Readonly<Record<string, string>>

  constructor(values: Readonly<Record<string, string>>, sources: Readonly<Record<string, string>>) {
    this.#values = values
    this.#sources = sources
  }

  settings(): Settings {
    const text = (key: string): string => this.#values[key]!
    return {
      verbosity: this.#number('verbosity', 0, 10),
      etcdServers: this.#servers(),
      etcdUsername: text('etcd_username'),
      etcdPassword: text('etcd_password'),
      etcdCaFile: text('etcd_cafile'),
      etcdCertFile: text('etcd_certfile'),
      etcdKeyFile: text('etcd_keyfile'),
      etcdKeyPrefix: text('etcd_key_prefix'),
      etcdRequestTimeoutMs: this.#number('etcd_request_timeout', 0.05, 600) * 1000,
      engineIntervalMs: this.#number('engine_reconcile_interval', 0.2, 3600) * 1000,
      publicIp: text('public_ip'),
      metadata: readMetadata(text('metadata')),
      agentTtlMs: this.#duration('agent_ttl', TTL_MS_MIN),
      unitsDirectory: text('units_directory').replace(/\/+$/, ''),
      systemdUser: this.#flag('systemd_user'),
      tokenLimit: this.#number('token_limit', 1, TOKEN_LIMIT_MAX),
      disableEngine: this.#flag('disable_engine'),
      rebalanceMax: this.#number('rebalance', 0, REBALANCE_MAX),
    }
  }

  #servers(): string[] {
    const servers = this.#values
      .etcd_servers!.split(',')
      .map(part => part.replace(/^[\s"'[]+|[\s"'\]]+$/g, ''))
      .filter(part => part !== '')
    for (const server of servers) {
      if (!/^https?:\/\/[^/\s]+\/?$/.test(server))
        throw this.#error('etcd_servers', `${JSON.stringify(server)} is no URL such as http://127.0.0.1:2379`)
    }
    if (servers.length === 0) throw this.#error('etcd_servers', 'names no server')
    return servers
  }

  #number(key: string, min: number, max: number): number {
    const value = Number(this.#values[key])
    if (this.#values[key] === '' || !Number.isFinite(value) || value < min || value > max)
      throw this.#error(key, `must be a number from ${min} to ${max}`)
    return value
  }

  #duration(key: string, minMs: number): number {
    const ms = parseDuration(this.#values[key]!)
    if (ms === undefined || ms < minMs)
      throw this.#error(key, `must be a duration of at least ${minMs / 1000}s, such as 30s`)
    return ms
  }

  #flag(key: string): boolean {
    const value = this.#values[key]!.toLowerCase()
    if (['true', '1', 't'].includes(value)) return true
    if (['false', '0', 'f', ''].includes(value)) return false
    throw this.#error(key, 'must be true or false')
  }

  #error(key: string, why: string): UserError {
    return new UserError(`${this.#sources[key] ?? key}: ${key} ${why}`)
  }
}

/** `k=v,k=v`; what is no pair is dropped, and the last of a key counts, as in the original. */
function readMetadata(text: string): Record<string, string> {
  const metadata: Record<string, string> = {}
  for (const pair of text.split(',')) {
    const equals = pair.indexOf('=')
    const key = pair.slice(0, Math.max(0, equals)).trim()
    const value = pair.slice(equals + 1).trim()
    if (equals > 0 && key !== '' && value !== '') metadata[key] = value
  }
  return metadata
}
