import { UserError } from '#lib/errors.ts'
import { nearest } from './nearest.ts'

/** Options with the reason for them, without the prefix `CONFIG_`. */
interface OptionGroup {
  why: string
  options: string[]
}

/** What `kernel-config/options.json` says. */
export interface OptionRules {
  /** Must be `y` or `m`. */
  required: OptionGroup[]
  /** Must be `y`. */
  builtin: OptionGroup[]
  /** Must be absent or not set. */
  forbidden: OptionGroup[]
}

const SECTIONS = ['required', 'builtin', 'forbidden'] as const

/** Reads the rules; `file` is named in errors. */
export function parseOptionRules(text: string, file: string): OptionRules {
  let data: unknown
  try {
    data = JSON.parse(text)
  } catch (error) {
    throw new UserError(`${file}: not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (typeof data !== 'object' || data === null) throw new UserError(`${file}: must be an object`)
  const object = data as Record<string, unknown>
  for (const key of Object.keys(object)) {
    if (!SECTIONS.some(section => section === key)) {
      throw new UserError(`${file}: unknown key '${key}'`, `known keys: ${SECTIONS.join(', ')}`)
    }
  }
  const group = (key: string) => parseGroups(object[key] ?? [], `${file}: ${key}`)
  return { required: group('required'), builtin: group('builtin'), forbidden: group('forbidden') }
}

function parseGroups(value: unknown, where: string): OptionGroup[] {
  if (!Array.isArray(value)) throw new UserError(`${where} must be a list`)
  return value.map((item: unknown, index) => {
    const { why, options, ...rest } = (item ?? {}) as Record<string, unknown>
    const place = `${where}[${index}]`
    const extra = Object.keys(rest)[0]
    if (extra !== undefined)
      throw new UserError(`${place}: unknown key '${extra}'`, 'known keys: why, options')
    if (typeof why !== 'string' || why === '') throw new UserError(`${place}.why must be a sentence`)
    if (
      !Array.isArray(options) ||
      options.some(name => typeof name !== 'string' || !/^[A-Z0-9_]+$/.test(name))
    ) {
      throw new UserError(`${place}.options must be a list of option names in capitals, without CONFIG_`)
    }
    return { why, options: options as string[] }
  })
}

/** The options of a kernel's `config-VERSION`: name without prefix → value; those not set are absent. */
export function parseKernelConfig(text: string): Map<string, string> {
  const options = new Map<string, string>()
  for (const line of text.split('\n')) {
    const match = /^CONFIG_([A-Za-z0-9_]+)=(.*)$/.exec(line)
    if (match) options.set(match[1]!, match[2]!)
  }
  return options
}

/** What of the rules this kernel breaks, one line each. */
export function findBrokenOptions(rules: OptionRules, config: Map<string, string>): string[] {
  const broken: string[] = []
  const check = (groups: OptionGroup[], demand: string, holds: (value: string | undefined) => boolean) => {
    for (const { why, options } of groups) {
      for (const option of options) {
        const value = config.get(option)
        if (holds(value)) continue
        const guess = value === undefined ? nearest(option, [...config.keys()]) : undefined
        const remark = guess === undefined ? '' : `, the nearest name is ${guess}`
        broken.push(`CONFIG_${option} ${demand} but is ${value ?? `not set${remark}`} (${why})`)
      }
    }
  }
  check(rules.required, 'must be y or m', value => value === 'y' || value === 'm')
  check(rules.builtin, 'must be y', value => value === 'y')
  check(rules.forbidden, 'must not be set', value => value === undefined)
  return broken
}

/** Throws one line naming the options that this kernel gets wrong. */
export function checkKernelConfig(rules: OptionRules, configText: string, kernel: string): void {
  const broken = findBrokenOptions(rules, parseKernelConfig(configText))
  if (broken.length > 0)
    throw new UserError(`kernel ${kernel}: ${broken.join('; ')}`, 'see kernel-config/options.json')
}
