/** Types of units that systemd has; the API takes them all. */
const TYPES: readonly string[] = [
  'automount',
  'busname',
  'device',
  'mount',
  'path',
  'scope',
  'service',
  'slice',
  'snapshot',
  'socket',
  'swap',
  'target',
  'timer',
]
/** Types of which there are templates. */
const TEMPLATE_TYPES: readonly string[] = ['path', 'service', 'socket', 'target', 'timer']
/** Types that the original's fleetctl and agent know by their suffix. */
const KNOWN_SUFFIX = /\.(service|socket|timer|path|device|mount|automount|target|slice|swap|scope)$/
const NAME_CHARS_MAX = 256
const BAD_CHAR = /[^0-9A-Za-z:\-_.\\@]/u

/** The parts of a unit's name: `foo@1.service` is prefix `foo`, instance `1`, suffix `.service`. */
export interface UnitName {
  full: string
  /** Without the suffix: `foo@1`. */
  base: string
  prefix: string
  /** `''` for a plain unit and a template. */
  instance: string
  /** With its dot. */
  suffix: string
  /** `foo@.service`; `''` for a plain unit. */
  template: string
  isTemplate: boolean
}

/** Takes a name apart; any text has a result. */
export function splitName(full: string): UnitName {
  const dot = full.lastIndexOf('.')
  const base = dot < 0 ? full : full.slice(0, dot)
  const suffix = dot < 0 ? '' : full.slice(dot)
  const at = base.indexOf('@')
  if (at < 0) return { full, base, prefix: base, instance: '', suffix, template: '', isTemplate: false }
  const prefix = base.slice(0, at)
  const instance = base.slice(at + 1)
  return {
    full,
    base,
    prefix,
    instance,
    suffix,
    template: `${prefix}@${suffix}`,
    isTemplate: instance === '',
  }
}

/** Whether the name is one of a template. */
export function isTemplate(name: string): boolean {
  return splitName(name).isTemplate
}

/** The name of a unit for what somebody typed: the last part of a path, a service unless it says otherwise. */
export function nameFromArgument(argument: string): string {
  const name = argument.replace(/\/+$/, '').split('/').at(-1) ?? ''
  return KNOWN_SUFFIX.test(name) ? name : `${name}.service`
}

/** Whether a file in the units directory is one of a unit. */
export function hasUnitSuffix(name: string): boolean {
  return KNOWN_SUFFIX.test(name)
}

/** What is wrong with a name, in the original's words (spec fleet b.4); undefined for a good one. */
export function nameProblem(name: string): string | undefined {
  if (name === '') return 'unit name cannot be empty'
  if (Buffer.byteLength(name) > NAME_CHARS_MAX) return `unit name exceeds maximum length (${NAME_CHARS_MAX})`
  const dot = name.lastIndexOf('.')
  if (dot < 0) return 'unit name must contain "."'
  if (dot === name.length - 1) return 'unit name cannot end in "."'
  const type = name.slice(dot + 1)
  if (!TYPES.includes(type)) return `invalid unit type: ${JSON.stringify(type)}`
  const base = name.slice(0, dot)
  if (base.includes('@') && !TEMPLATE_TYPES.includes(type))
    return `invalid unit type for template: ${JSON.stringify(type)}`
  const bad = BAD_CHAR.exec(base)?.[0]
  if (bad !== undefined) return `invalid character '${bad}' in unit name`
  if (base.startsWith('@')) return 'unit name cannot start in "@"'
  return undefined
}
