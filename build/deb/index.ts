import { UserError } from '#lib/errors.ts'
import { parseStanzas, type Stanza } from './control.ts'
import { type Dependency, type Provided, parseDependencies, parseProvides } from './dependency.ts'
import { compareVersions } from './version.ts'

/** A package as an archive offers it. */
export interface Candidate {
  name: string
  version: string
  architecture: string
  /** Bytes of the .deb. */
  size: number
  sha256: string
  /** Suite that offers it. */
  suite: string
  /** Path of the .deb below the archive's base. */
  path: string
  /** Debian's own grade: `required`, `important`, `standard`, `optional`, `extra`. */
  priority: string
  /** Depends and Pre-Depends. */
  depends: Dependency[]
  provides: Provided[]
  /** Conflicts and Breaks: what may not be installed beside it. */
  conflicts: Dependency[]
}

/**
 * All packages of some suites: of each name the newest version only, which is also what apt would take.
 *
 * An index has some 70 000 stanzas of which a few hundred matter, so each is kept as text and parsed when asked for.
 */
export class PackageIndex {
  readonly #stanzas = new Map<string, { suite: string; version: string; text: string }>()
  readonly #parsed = new Map<string, Candidate>()
  readonly #providers = new Map<string, Set<string>>()

  /**
   * Adds the packages of a suite, in the text of its `Packages` file.
   *
   * @param takes which packages to take, by name; all when absent
   */
  add(suite: string, text: string, architecture: string, takes?: (name: string) => boolean): void {
    for (const stanza of text.split('\n\n')) {
      const name = field(stanza, 'Package')
      const version = field(stanza, 'Version')
      if (name === undefined || version === undefined) continue
      const own = field(stanza, 'Architecture')
      if (own !== architecture && own !== 'all') continue
      if (takes !== undefined && !takes(name)) continue
      const known = this.#stanzas.get(name)
      if (known !== undefined && compareVersions(known.version, version) >= 0) continue
      this.#stanzas.set(name, { suite, version, text: stanza })
      this.#parsed.delete(name)
      for (const provided of parseProvides(field(stanza, 'Provides'))) {
        const providers = this.#providers.get(provided.name) ?? new Set()
        this.#providers.set(provided.name, providers.add(name))
      }
    }
  }

  /** The newest version of a package, or undefined when no suite has it. */
  get(name: string): Candidate | undefined {
    const parsed = this.#parsed.get(name)
    if (parsed !== undefined) return parsed
    const found = this.#stanzas.get(name)
    if (found === undefined) return undefined
    const candidate = parseCandidate(found.suite, parseStanzas(found.text)[0] ?? new Map())
    this.#parsed.set(name, candidate)
    return candidate
  }

  /** The packages whose newest version provides a virtual package, by name. */
  providers(name: string): Candidate[] {
    const names = [...(this.#providers.get(name) ?? [])].sort()
    return names
      .map(provider => this.get(provider)!)
      .filter(candidate => candidate.provides.some(provided => provided.name === name))
  }

  /** How many packages there are. */
  get size(): number {
    return this.#stanzas.size
  }
}

/** One single-line field, found without parsing the stanza. */
function field(stanza: string, name: string): string | undefined {
  const label = `${name}: `
  let start = stanza.startsWith(label) ? 0 : stanza.indexOf(`\n${label}`) + 1
  if (start === 0 && !stanza.startsWith(label)) return undefined
  start += label.length
  const end = stanza.indexOf('\n', start)
  return stanza.slice(start, end < 0 ? undefined : end).trim()
}

const SHA256 = /^[0-9a-f]{64}$/
// No `..` and nothing absolute: the path becomes part of a URL, and of messages.
const POOL_PATH = /^pool\/(?!.*\/\.\.\/)[A-Za-z0-9+._~%:/-]+\.deb$/

function parseCandidate(suite: string, stanza: Stanza): Candidate {
  const name = stanza.get('package') ?? '?'
  const bad = (what: string): UserError =>
    new UserError(`the index of suite ${suite} has a broken entry: package ${name}: ${what}`)
  const size = Number(stanza.get('size'))
  const sha256 = stanza.get('sha256') ?? ''
  const path = stanza.get('filename') ?? ''
  if (!Number.isSafeInteger(size) || size <= 0) throw bad(`Size is '${stanza.get('size')}'`)
  if (!SHA256.test(sha256)) throw bad(`SHA256 is '${sha256}'`)
  if (!POOL_PATH.test(path)) throw bad(`Filename is '${path}'`)
  try {
    return {
      name,
      version: stanza.get('version') ?? '',
      architecture: stanza.get('architecture') ?? '',
      size,
      sha256,
      suite,
      path,
      priority: stanza.get('priority') ?? 'optional',
      depends: [...parseDependencies(stanza.get('pre-depends')), ...parseDependencies(stanza.get('depends'))],
      provides: parseProvides(stanza.get('provides')),
      conflicts: [...parseDependencies(stanza.get('conflicts')), ...parseDependencies(stanza.get('breaks'))],
    }
  } catch (error) {
    if (error instanceof SyntaxError) throw bad(error.message)
    throw error
  }
}
