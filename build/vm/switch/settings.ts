import { UserError } from '#lib/errors.ts'
import { formatIpv4, parseIpv4 } from './address.ts'

/** Ports of one switch. */
export const PORTS_MAX = 256
/** The name of the socket for control, without its ending: no port may be called so. */
export const CONTROL = 'control'
/** The port of the host itself, in rules and counters. No machine can be called so. */
export const HOST_PORT = '@host'

/** Where a process finds what it begins with, in its folder. */
export const SETTINGS_FILE = 'settings.json'

/** A port, which is called like the machine that belongs there. */
export interface PortSettings {
  name: string
  /** Of the machine, in the cluster's network: the name is answered with it. */
  address?: string
}

/** What a switch begins with. */
export interface SwitchSettings {
  version: 1
  /** Where the host answers: the network is that of its first three numbers. */
  address: string
  /** The domain of the machines, such as `orlop.internal`. */
  domain: string
  /** Decides what chance does on lossy links. */
  seed: number
  ports: PortSettings[]
}

const PORT_NAME = /^[a-z][a-z0-9-]{0,31}$/
const DOMAIN = /^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?){0,4}$/
const SEED_MAX = 2 ** 32 - 1

/** @throws UserError when a port cannot be called so */
export function checkPortName(name: unknown): string {
  if (typeof name === 'string' && PORT_NAME.test(name) && name !== CONTROL) return name
  throw new UserError(
    `${show(name)} cannot be a port`,
    `use up to 32 lower-case letters, digits and hyphens, beginning with a letter, but not '${CONTROL}'`,
  )
}

/** @throws UserError when that is no address of IP, such as `172.17.8.101` */
export function checkAddress(address: unknown): string {
  const number = typeof address === 'string' ? parseIpv4(address) : undefined
  if (number !== undefined) return formatIpv4(number)
  throw new UserError(`${show(address)} is no address, such as '172.17.8.101'`)
}

/** The text of settings, for their file. */
export function formatSettings(settings: SwitchSettings): string {
  return `${JSON.stringify(settings, null, 2)}\n`
}

/**
 * @param text of the file
 * @throws UserError when that is not what a switch can begin with
 */
export function parseSettings(text: string): SwitchSettings {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new UserError('the settings of the switch are not JSON')
  }
  const fields = fieldsOf(value, 'the settings of the switch')
  if (fields['version'] !== 1) throw new UserError(`version is ${show(fields['version'])}, must be 1`)
  const { address, domain, seed, ports } = fields
  if (typeof domain !== 'string' || !DOMAIN.test(domain))
    throw new UserError(`domain is ${show(domain)}, must be like 'orlop.internal'`)
  if (typeof seed !== 'number' || !Number.isInteger(seed) || seed < 0 || seed > SEED_MAX)
    throw new UserError(`seed is ${show(seed)}, must be a whole number up to ${SEED_MAX}`)
  if (!Array.isArray(ports) || ports.length > PORTS_MAX)
    throw new UserError(`ports must be a list of up to ${PORTS_MAX}`)
  const checked = ports.map(port => checkPort(port))
  const twice = checked.find(({ name }, index) => checked.findIndex(port => port.name === name) !== index)
  if (twice !== undefined) throw new UserError(`the port ${twice.name} is there twice`)
  return { version: 1, address: checkAddress(address), domain, seed, ports: checked }
}

function checkPort(value: unknown): PortSettings {
  const { name, address } = fieldsOf(value, 'a port')
  return { name: checkPortName(name), ...(address === undefined ? {} : { address: checkAddress(address) }) }
}

/** @throws UserError when `value` is not an object */
export function fieldsOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  throw new UserError(`${what} must be an object`)
}

/** A value in a message. */
export function show(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value)
  const LETTERS_MAX = 80
  return text.length > LETTERS_MAX ? `${text.slice(0, LETTERS_MAX)}…` : text
}
