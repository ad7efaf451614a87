import { UserError } from '#lib/errors.ts'
import { compileGlob } from '../rootfs/glob.ts'
import { closeOverDependencies, type ModuleIndex } from './index.ts'
import { nearest } from './nearest.ts'

/** One line of reasoning and the modules it asks for. */
export interface ModuleRule {
  /** Why these are wanted; never empty. */
  why: string
  /**
   * Names (`e1000e`, `xt_*`) or, with a slash, paths under `kernel/` without suffix (`drivers/ata/*`, `net/**`).
   * `*` stays within a name, `**` crosses folders.
   */
  modules: string[]
  /** Patterns of the same form that this rule leaves out again, unless something else needs them. */
  except: string[]
}

/** Which modules go where. */
export interface ModuleRules {
  /** Into the root file system. */
  image: ModuleRule[]
  /** Into the initrd, to find and mount the root. */
  initrd: ModuleRule[]
}

/** Reads `kernel-config/modules.json`; `file` is named in errors. */
export function parseModuleRules(text: string, file: string): ModuleRules {
  const data = parseJson(text, file)
  const object = asObject(data, file)
  rejectUnknown(object, ['image', 'initrd'], file)
  return {
    image: parseList(object.image, `${file}: image`),
    initrd: parseList(object.initrd, `${file}: initrd`),
  }
}

function parseList(value: unknown, where: string): ModuleRule[] {
  if (!Array.isArray(value)) throw new UserError(`${where} must be a list of rules`)
  return value.map((item, index) => {
    const place = `${where}[${index}]`
    const rule = asObject(item, place)
    rejectUnknown(rule, ['why', 'modules', 'except'], place)
    const why = rule.why
    if (typeof why !== 'string' || why.trim() === '') throw new UserError(`${place}.why must be a sentence`)
    return {
      why,
      modules: asPatterns(rule.modules, `${place}.modules`),
      except: asPatterns(rule.except ?? [], `${place}.except`),
    }
  })
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new UserError(`${file}: not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function asObject(value: unknown, where: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new UserError(`${where} must be an object`)
  return value as Record<string, unknown>
}

function rejectUnknown(object: Record<string, unknown>, known: string[], where: string): void {
  for (const key of Object.keys(object)) {
    if (!known.includes(key))
      throw new UserError(`${where}: unknown key '${key}'`, `known keys: ${known.join(', ')}`)
  }
}

function asPatterns(value: unknown, where: string): string[] {
  if (!Array.isArray(value) || value.some(item => typeof item !== 'string' || item === '')) {
    throw new UserError(`${where} must be a list of module names or paths`)
  }
  return value as string[]
}

/**
 * The paths of the modules that the rules ask for, with all that those need, sorted.
 * @param where names the rules in errors, such as `kernel-config/modules.json: image`
 */
export function chooseModules(rules: ModuleRule[], index: ModuleIndex, where: string): string[] {
  const wanted = new Set<string>()
  for (const [position, rule] of rules.entries()) {
    const excluded = new Set(
      rule.except.flatMap(pattern => resolvePattern(pattern, index, `${where}[${position}].except`)),
    )
    for (const pattern of rule.modules) {
      for (const path of resolvePattern(pattern, index, `${where}[${position}].modules`)) {
        if (!excluded.has(path)) wanted.add(path)
      }
    }
  }
  return [...closeOverDependencies(index, wanted)].sort()
}

/** A pattern that matches nothing is a mistake or a module that a new kernel renamed: both must be seen. */
function resolvePattern(pattern: string, index: ModuleIndex, where: string): string[] {
  const byPath = pattern.includes('/')
  const matches = compileGlob(byPath ? pattern : pattern.replaceAll('-', '_'))
  const found: string[] = []
  for (const [name, path] of index.paths) {
    const subject = byPath ? path.replace(/^kernel\//, '').replace(/\.ko(\.\w+)?$/, '') : name
    if (matches.test(subject)) found.push(path)
  }
  if (found.length > 0) return found
  if (!byPath && [...index.builtin].some(name => matches.test(name))) return []
  const guess = nearest(pattern.replaceAll('-', '_'), byPath ? [] : [...index.paths.keys()])
  throw new UserError(
    `${where}: this kernel has no module '${pattern}'`,
    guess === undefined ? 'correct the name or remove it' : `did you mean '${guess}'?`,
  )
}
