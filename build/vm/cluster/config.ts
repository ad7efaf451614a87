import { isMap, isScalar, LineCounter, parseDocument } from 'yaml'
import { UserError } from '#lib/errors.ts'
import { parseRuby } from './ruby.ts'

/** What a cluster on this host looks like. The names are those of coreos-vagrant's config.rb, without their `$`. */
export interface ClusterConfig {
  /** How many machines there are. */
  numInstances: number
  /** They are called PREFIX-01, PREFIX-02, … */
  instanceNamePrefix: string
  /** MiB of each. */
  vmMemory: number
  /** Processors of each. */
  vmCpus: number
  /** Port of the guest → port of this host for the first machine; each further one gets the next. */
  forwardedPorts: ReadonlyMap<number, number>
  /** Port of this host for Docker of the first machine; each further one gets the next. */
  exposeDockerTcp: number | undefined
  /** The channel that machines get their updates from. */
  updateChannel: string | undefined
  /** Path of the user-data, relative to the config file; absent: the sample. */
  userData: string | undefined
}

/** What a cluster is when nobody says otherwise. */
export const DEFAULT_CONFIG: ClusterConfig = {
  numInstances: 3,
  instanceNamePrefix: 'core',
  vmMemory: 1024,
  vmCpus: 1,
  forwardedPorts: new Map(),
  exposeDockerTcp: undefined,
  updateChannel: undefined,
  userData: undefined,
}

/** Addresses of the network end with 101 and more; what is below is left to services of the host. */
export const INSTANCES_MAX = 50
const MEMORY_MIB_MIN = 256
const MEMORY_MIB_MAX = 1024 * 1024
const CPUS_MAX = 64
const PORT_MAX = 65_535
const TEXT_BYTES_MAX = 64 * 1024
/** A name and `-50` still have to be a machine's name. */
const PREFIX = /^[a-z][a-z0-9-]{0,27}$/
const CHANNEL = /^[a-z][a-z0-9-]{0,31}$/
/** Names that older files use. */
const ALIASES: Readonly<Record<string, string>> = {
  vb_memory: 'vm_memory',
  vb_cpus: 'vm_cpus',
  memory: 'vm_memory',
  cpus: 'vm_cpus',
}
/** What those files also set, and what has no meaning here, with the reason. */
const MEANINGLESS: Readonly<Record<string, string>> = {
  vm_gui: 'machines have a serial console, see `orlop console`',
  vb_gui: 'machines have a serial console, see `orlop console`',
  vb_cpuexecutioncap: 'QEMU knows no such cap',
  enable_serial_logging: 'the console is always kept, see `orlop console NAME --log`',
  image_version: 'the image is built from this checkout',
  new_discovery_url: 'the discovery service is built in',
  share_home: 'folders can not be shared yet',
  shared_folders: 'folders can not be shared yet',
}

/** A value of the file, and where it is. */
export interface Setting {
  name: string
  value: unknown
  line: number
}

/**
 * Reads the config of a cluster: YAML (`num_instances: 3`), or the assignments of coreos-vagrant's config.rb
 * (`$num_instances=3`).
 *
 * @param path for messages
 * @returns the config, and a line for each setting that has no meaning here
 * @throws UserError naming the line for anything else that is not understood
 */
export function parseConfig(text: string, path: string): { config: ClusterConfig; notes: string[] } {
  if (Buffer.byteLength(text) > TEXT_BYTES_MAX)
    throw new UserError(`${path}: is longer than ${TEXT_BYTES_MAX} bytes`)
  const settings = /^\s*\$/m.test(text) ? parseRuby(text, path) : parseYaml(text, path)
  const config: { -readonly [Name in keyof ClusterConfig]: ClusterConfig[Name] } = { ...DEFAULT_CONFIG }
  const notes: string[] = []
  for (const setting of settings) {
    const name = ALIASES[setting.name] ?? setting.name
    const reason = MEANINGLESS[name]
    if (reason !== undefined) notes.push(`${path}:${setting.line}: ${setting.name} has no effect: ${reason}`)
    else apply(config, name, new Reader(setting, path))
  }
  return { config, notes }
}

function apply(
  config: { -readonly [Name in keyof ClusterConfig]: ClusterConfig[Name] },
  name: string,
  value: Reader,
): void {
  switch (name) {
    case 'num_instances':
      config.numInstances = value.count(1, INSTANCES_MAX)
      return
    case 'instance_name_prefix':
      config.instanceNamePrefix = value.word(PREFIX, 'up to 28 lower-case letters, digits and hyphens')
      return
    case 'vm_memory':
      config.vmMemory = value.count(MEMORY_MIB_MIN, MEMORY_MIB_MAX)
      return
    case 'vm_cpus':
      config.vmCpus = value.count(1, CPUS_MAX)
      return
    case 'forwarded_ports':
      config.forwardedPorts = value.ports()
      return
    case 'expose_docker_tcp':
      config.exposeDockerTcp = value.isOff ? undefined : value.count(1, PORT_MAX)
      return
    case 'update_channel':
      config.updateChannel = value.isOff ? undefined : value.word(CHANNEL, 'the name of a channel')
      return
    case 'user_data':
      config.userData = value.isOff ? undefined : value.word(/^[^\0\n]+$/, 'a path')
      return
    default:
      throw value.error(`is no option; there are ${OPTIONS.join(', ')}`)
  }
}

/** The options there are. */
export const OPTIONS: readonly string[] = [
  'num_instances',
  'instance_name_prefix',
  'vm_memory',
  'vm_cpus',
  'forwarded_ports',
  'expose_docker_tcp',
  'update_channel',
  'user_data',
]

class Reader {
  readonly #setting: Setting
  readonly #path: string

  constructor(setting: Setting, path: string) {
    this.#setting = setting
    this.#path = path
  }

  error(what: string): UserError {
    return new UserError(`${this.#path}:${this.#setting.line}: ${this.#setting.name} ${what}`)
  }

  get isOff(): boolean {
    const { value } = this.#setting
    return value === null || value === false || value === ''
  }

  count(min: number, max: number): number {
    const { value } = this.#setting
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
    throw this.error(`must be a whole number from ${min} to ${max}, not ${JSON.stringify(value)}`)
  }

  word(pattern: RegExp, what: string): string {
    const { value } = this.#setting
    if (typeof value === 'string' && pattern.test(value)) return value
    throw this.error(`must be ${what}, not ${JSON.stringify(value)}`)
  }

  ports(): Map<number, number> {
    const { value } = this.#setting
    if (!(value instanceof Map))
      throw this.error('must be pairs of a port of the guest and a port of this host')
    const ports = new Map<number, number>()
    for (const [guest, host] of value) {
      for (const port of [guest, host])
        if (!Number.isInteger(Number(port)) || Number(port) < 1 || Number(port) > PORT_MAX)
          throw this.error(`has ${JSON.stringify(port)}, which is no port`)
      ports.set(Number(guest), Number(host))
    }
    return ports
  }
}

function parseYaml(text: string, path: string): Setting[] {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const error = document.errors[0]
  if (error !== undefined)
    throw new UserError(`${path}:${lines.linePos(error.pos[0]).line}: ${error.message}`)
  const { contents } = document
  if (contents === null) return []
  if (!isMap(contents))
    throw new UserError(`${path}: must be options and values, such as \`num_instances: 3\``)
  return contents.items.map(({ key, value }) => {
    const line = isScalar(key) && key.range ? lines.linePos(key.range[0]).line : 0
    const name = isScalar(key) ? String(key.value) : ''
    return { name, value: isMap(value) ? mapOf(value.toJSON()) : isScalar(value) ? value.value : null, line }
  })
}

function mapOf(value: unknown): Map<unknown, unknown> {
  return new Map(Object.entries(value as Record<string, unknown>))
}
