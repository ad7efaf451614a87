import { UserError } from '#lib/errors.ts'
import { type Request, requestHash } from './request.ts'

/** A package as the lock pins it. */
export interface LockedPackage {
  name: string
  version: string
  architecture: string
  /** Bytes of the .deb. */
  size: number
  sha256: string
  /** The suite that had it, such as `trixie-security`. */
  suite: string
  /** Where the .deb is below the archive's base. */
  path: string
}

/** The content of `image/packages.lock.json`: exactly which packages the image and its tools are made of. */
export interface Lock {
  version: 1
  /** Date of the newest index, seconds since the epoch; also the SOURCE_DATE_EPOCH of what is built. */
  date: number
  /** Which request was resolved, see `requestHash`. */
  request: string
  /** The indexes it was resolved from, each with its date. */
  suites: { name: string; archive: 'main' | 'security'; date: number }[]
  /** Group → names of its packages, sorted. */
  groups: Record<string, string[]>
  /** Sorted by name; each name once. */
  packages: LockedPackage[]
}

const HINT = 'run `npm run orlop -- lock` to make it anew'
const PACKAGE_FIELDS: Record<keyof LockedPackage, RegExp> = {
  name: /^[a-z0-9][a-z0-9+.-]+$/,
  version: /^[A-Za-z0-9.+:~-]+$/,
  architecture: /^(all|[a-z0-9-]+)$/,
  size: /^[1-9][0-9]*$/,
  sha256: /^[0-9a-f]{64}$/,
  suite: /^[a-z][a-z0-9-]*$/,
  path: /^pool\/(?!.*\/\.\.\/)[A-Za-z0-9+._~%:/-]+\.deb$/,
}

/**
 * Parses a lock file.
 *
 * @throws UserError naming the file and what is wrong in it
 */
export function parseLock(text: string, fileName: string): Lock {
  const bad = (problem: string): UserError => new UserError(`${fileName}: ${problem}`, HINT)
  let lock: Lock
  try {
    lock = JSON.parse(text)
  } catch (error) {
    throw bad((error as Error).message)
  }
  if (typeof lock !== 'object' || lock === null || lock.version !== 1) throw bad('is no lock of version 1')
  if (!Number.isSafeInteger(lock.date) || lock.date <= 0) throw bad('date must be a number of seconds')
  if (typeof lock.request !== 'string') throw bad('request must be a string')
  if (!Array.isArray(lock.suites)) throw bad('suites must be a list')
  if (!Array.isArray(lock.packages)) throw bad('packages must be a list')
  const names = new Set<string>()
  for (const [index, item] of lock.packages.entries()) {
    for (const [field, pattern] of Object.entries(PACKAGE_FIELDS)) {
      const value: unknown = item?.[field as keyof LockedPackage]
      const type = field === 'size' ? 'number' : 'string'

      if (typeof value === type && pattern.test(String(value))) continue
      throw bad(`packages[${index}] (${item?.name}): ${field} is ${JSON.stringify(value)}`)
    }
    if (!lock.suites.some(suite => suite.name === item.suite))
      throw bad(`package ${item.name}: no suite ${item.suite}`)
    if (names.has(item.name)) throw bad(`package ${item.name} is there twice`)
    names.add(item.name)
  }
  if (typeof lock.groups !== 'object' || lock.groups === null) throw bad('groups must be an object')
  for (const [group, members] of Object.entries(lock.groups)) {
    if (!Array.isArray(members)) throw bad(`group ${group} must be a list`)
    const missing = members.find(name => !names.has(name))
    if (missing !== undefined) throw bad(`group ${group} has ${missing}, which is not among the packages`)
  }
  return lock
}

/** The text of a lock file: one package a line and everything sorted, so that a change reads well in a diff. */
export function formatLock(lock: Lock): string {
  const lines = (items: unknown[], indent: string) =>
    items.map(item => `${indent}${JSON.stringify(item)}`).join(',\n')
  const groups = Object.keys(lock.groups)
    .sort()
    .map(name => `    ${JSON.stringify(name)}: [\n${lines([...lock.groups[name]!].sort(), '      ')}\n    ]`)
  const packages = [...lock.packages]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, version, architecture, size, sha256, suite, path }) => ({
      name,
      version,
      architecture,
      size,
      sha256,
      suite,
      path,
    }))
  const suites = lock.suites.map(({ name, archive, date }) => ({ name, archive, date }))
  return [
    '{',
    '  "version": 1,',
    `  "date": ${lock.date},`,
    `  "request": ${JSON.stringify(lock.request)},`,
    `  "suites": [\n${lines(suites, '    ')}\n  ],`,
    `  "groups": {\n${groups.join(',\n')}\n  },`,
    `  "packages": [\n${lines(packages, '    ')}\n  ]`,
    '}',
    '',
  ].join('\n')
}

/**
 * The packages of a group, sorted by name.
 *
 * @throws UserError when the lock has no such group
 */
export function packagesOf(lock: Lock, group: string): LockedPackage[] {
  const members = lock.groups[group]
  if (members === undefined) throw new UserError(`the package lock has no group '${group}'`, HINT)
  const names = new Set(members)
  return lock.packages.filter(item => names.has(item.name)).sort((a, b) => (a.name < b.name ? -1 : 1))
}

/**
 * Makes sure that a lock answers the request as it is now.
 *
 * @throws UserError when the request was changed since
 */
export function checkLock(lock: Lock, request: Request, fileName: string): void {
  if (lock.request === requestHash(request)) return
  throw new UserError(`${fileName}: was made for another list of wanted packages`, HINT)
}

/** What a new lock changes, one line for each package: for people and for commit messages. */
export function describeLockChange(old: Lock | undefined, now: Lock): string[] {
  const before = new Map((old?.packages ?? []).map(item => [item.name, item]))
  const after = new Map(now.packages.map(item => [item.name, item]))
  const lines: string[] = []
  for (const name of [...new Set([...before.keys(), ...after.keys()])].sort()) {
    const was = before.get(name)
    const is = after.get(name)
    if (was === undefined) lines.push(`added ${name} ${is!.version}`)
    else if (is === undefined) lines.push(`removed ${name} ${was.version}`)
    else if (was.version !== is.version) lines.push(`changed ${name} ${was.version} → ${is.version}`)
    else if (was.sha256 !== is.sha256) lines.push(`changed ${name} ${is.version}: other content`)
  }
  for (const group of Object.keys(now.groups).sort()) {
    const old_ = new Set(old?.groups[group] ?? [])
    const new_ = new Set(now.groups[group])
    const gone = [...old_].filter(name => !new_.has(name) && after.has(name))
    const come = [...new_].filter(name => !old_.has(name) && before.has(name))
    if (old !== undefined && come.length > 0) lines.push(`group ${group} gains ${come.join(', ')}`)
    if (old !== undefined && gone.length > 0) lines.push(`group ${group} loses ${gone.join(', ')}`)
  }
  return lines
}
