import { createHash } from 'node:crypto'
import { UserError } from '#lib/errors.ts'

/** What `image/packages.json` asks for: the packages by their purpose, and where they come from. */
export interface Request {
  /** Debian's name of the machine type, such as `amd64`. */
  architecture: string
  suites: SuiteRequest[]
  groups: Record<string, GroupRequest>
}

/** A part of an archive, such as suite `trixie`, component `main`. */
export interface SuiteRequest {
  /** Name below `dists/`, which is also the codename that its Release file must carry. */
  name: string
  /** Which of the two archives holds it. */
  archive: 'main' | 'security'
  components: string[]
  /** Only these come from it, and from no other suite; empty: all that it has. */
  packages: string[]
}

/** Packages for one purpose. Two groups may share packages; each is complete in itself. */
export interface GroupRequest {
  /** Packages by name. */
  wanted: string[]
  /** Whether what they depend on comes too. */
  closure: boolean
  /**
   * Only without closure: a wanted package that depends on one of these (by name, or by the start of the name as in
   * `linux-image-*`) is a meta package, and stands for the package it names.
   */
  follow: string[]
  /** Packages left out although something depends on them, each with its reason. */
  exclude: Record<string, string>
}

const PACKAGE_NAME = /^[a-z0-9][a-z0-9+.-]+$/
const PATTERN = /^[a-z0-9][a-z0-9+.-]*\*?$/
const SUITE_NAME = /^[a-z][a-z0-9-]*$/

/**
 * Parses `image/packages.json`.
 *
 * @throws UserError naming the file and the key that is wrong
 */
export function parseRequest(text: string, fileName: string): Request {
  let data: unknown
  try {
    data = JSON.parse(text)
  } catch (error) {
    throw new UserError(`${fileName}: ${(error as Error).message}`)
  }
  const reader = new Reader(fileName)
  const { architecture, suites, groups } = reader.record(data, '', ['architecture', 'suites', 'groups'])
  if (!Array.isArray(suites) || suites.length === 0)
    throw reader.error('suites', 'must be a list with an item')
  const result: Request = {
    architecture: reader.string(architecture, 'architecture', SUITE_NAME),
    suites: suites.map((suite, index) => parseSuite(reader, suite, `suites[${index}]`)),
    groups: {},
  }
  const table = reader.record(groups, 'groups')
  for (const [name, group] of Object.entries(table)) {
    result.groups[name] = parseGroup(reader, group, `groups.${name}`)
  }
  return result
}

/**
 * Which packages are taken from a suite, by name: those that a suite has to itself come from it alone.
 */
export function takenFrom(suite: SuiteRequest, suites: readonly SuiteRequest[]): (name: string) => boolean {
  const owners = new Map(suites.flatMap(owner => owner.packages.map(name => [name, owner.name] as const)))
  return name => (owners.get(name) ?? (suite.packages.length === 0 ? suite.name : undefined)) === suite.name
}

/** Identifies what was asked for, so that a lock made for another request is noticed. */
export function requestHash(request: Request): string {
  const groups = Object.entries(request.groups).map(([name, group]) => [
    name,
    [...group.wanted].sort(),
    group.closure,
    [...group.follow].sort(),
    Object.keys(group.exclude).sort(), // a reason may be reworded
  ])
  const suites = request.suites.map(suite => [suite.name, suite.archive, suite.components, suite.packages])
  return createHash('sha256')
    .update(JSON.stringify([request.architecture, suites, groups]))
    .digest('hex')
}

function parseSuite(reader: Reader, data: unknown, path: string): SuiteRequest {
  const { name, archive, components, packages } = reader.record(data, path, [
    'name',
    'archive',
    'components',
    'packages',
  ])
  if (archive !== 'main' && archive !== 'security')
    throw reader.error(`${path}.archive`, 'must be "main" or "security"')
  return {
    name: reader.string(name, `${path}.name`, SUITE_NAME),
    archive,
    components: reader.strings(components, `${path}.components`, SUITE_NAME),
    packages: reader.strings(packages ?? [], `${path}.packages`, PACKAGE_NAME),
  }
}

function parseGroup(reader: Reader, data: unknown, path: string): GroupRequest {
  const group = reader.record(data, path, ['wanted', 'closure', 'follow', 'exclude'])
  const closure = group['closure'] ?? true
  if (typeof closure !== 'boolean') throw reader.error(`${path}.closure`, 'must be true or false')
  const follow = reader.strings(group['follow'] ?? [], `${path}.follow`, PATTERN)
  const exclude: Record<string, string> = {}
  for (const [name, reason] of Object.entries(reader.record(group['exclude'] ?? {}, `${path}.exclude`))) {
    reader.string(name, `${path}.exclude`, PACKAGE_NAME)
    exclude[name] = reader.string(reason, `${path}.exclude["${name}"] (the reason)`, /\S/)
  }
  if (closure && follow.length > 0)
    throw reader.error(`${path}.follow`, 'has a meaning only with "closure": false')
  if (!closure && Object.keys(exclude).length > 0) {
    throw reader.error(`${path}.exclude`, 'has a meaning only with "closure": true')
  }
  const wanted = reader.strings(group['wanted'], `${path}.wanted`, PACKAGE_NAME)
  const both = wanted.find(name => name in exclude)
  if (both !== undefined) throw reader.error(`${path}.exclude`, `has ${both}, which is also wanted`)
  return { wanted, closure, follow, exclude }
}

/** Checks JSON values; each error names the file and the path of the value. */
class Reader {
  readonly #fileName: string

  constructor(fileName: string) {
    this.#fileName = fileName
  }

  error(path: string, problem: string): UserError {
    return new UserError(`${this.#fileName}: ${path === '' ? 'the document' : path} ${problem}`)
  }

  /** An object; with `keys`, one that has no others. */
  record(data: unknown, path: string, keys?: readonly string[]): Record<string, unknown> {
    if (typeof data !== 'object' || data === null || Array.isArray(data))
      throw this.error(path, 'must be an object')
    for (const key of Object.keys(data)) {
      if (keys === undefined || keys.includes(key)) continue
      throw this.error(path, `has an unknown key '${key}'; it may have ${keys.join(', ')}`)
    }
    return data as Record<string, unknown>
  }

  string(data: unknown, path: string, pattern: RegExp): string {
    if (typeof data !== 'string' || !pattern.test(data)) {
      throw this.error(path, `must be a string like ${pattern.source}, is ${JSON.stringify(data)}`)
    }
    return data
  }

  strings(data: unknown, path: string, pattern: RegExp): string[] {
    if (!Array.isArray(data)) throw this.error(path, 'must be a list of strings')
    const result = data.map((item, index) => this.string(item, `${path}[${index}]`, pattern))
    const twice = result.find((item, index) => result.indexOf(item) !== index)
    if (twice !== undefined) throw this.error(path, `has ${twice} twice`)
    return result
  }
}
