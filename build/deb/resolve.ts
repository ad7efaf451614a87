import { UserError } from '#lib/errors.ts'
import { type Alternative, type Dependency, formatDependency } from './dependency.ts'
import type { Candidate, PackageIndex } from './index.ts'
import type { GroupRequest } from './request.ts'
import { satisfies } from './version.ts'

/**
 * The packages of one group, sorted by name: those wanted and, for a closure, all that they depend on.
 *
 * - Of each name the newest version there is; recommended packages stay away; so do Essential packages that nobody
 *   names, because this is no system that installs packages later.
 * - A dependency that something chosen already satisfies adds nothing. Else its first alternative that exists is
 *   taken; for a virtual package the provider with Debian's highest priority, then the first by name.
 * - An excluded package counts as present but is left out.
 *
 * The wanted packages are all chosen before any dependency is looked at, and dependencies are visited breadth
 * first from the sorted list: so the result depends on the request and the index alone.
 *
 * @param label where the group stands, for messages: `image/packages.json: group root`
 * @throws UserError when a package does not exist, a dependency cannot be met, or two packages exclude each other
 */
export function resolveGroup(
  index: PackageIndex,
  group: GroupRequest,
  architecture: string,
  label: string,
): Candidate[] {
  const resolver = new Resolver(index, group, architecture, label)
  const chosen = group.closure ? resolver.closure() : resolver.alone()
  return chosen.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Debian's priorities, the highest first. */
const PRIORITIES = ['required', 'important', 'standard', 'optional', 'extra']

class Resolver {
  readonly #index: PackageIndex
  readonly #group: GroupRequest
  readonly #architecture: string
  readonly #label: string
  /** In order of choice. */
  readonly #chosen = new Map<string, Candidate>()
  /** Package → the one that brought it; absent for those that the request names. */
  readonly #wantedBy = new Map<string, string>()
  /** Virtual name → chosen packages that provide it. */
  readonly #providers = new Map<string, Candidate[]>()

  constructor(index: PackageIndex, group: GroupRequest, architecture: string, label: string) {
    this.#index = index
    this.#group = group
    this.#architecture = architecture
    this.#label = label
  }

  closure(): Candidate[] {
    for (const name of [...this.#group.wanted].sort()) this.#choose(this.#wanted(name))
    // The map grows while it is walked; a Map visits what is added.
    for (const candidate of this.#chosen.values()) {
      for (const dependency of candidate.depends) this.#satisfy(candidate, dependency)
    }
    const unknown = Object.keys(this.#group.exclude).find(name => this.#index.get(name) === undefined)
    if (unknown !== undefined) {
      throw new UserError(
        `${this.#label}: exclude names ${unknown}, which no suite has`,
        'remove it or correct the name',
      )
    }
    this.#checkConflicts()
    return [...this.#chosen.values()]
  }

  /** Only the wanted packages, and in place of a meta package those it stands for. */
  alone(): Candidate[] {
    for (const name of this.#group.wanted) {
      const candidate = this.#wanted(name)
      const followed = candidate.depends.filter(dependency => this.#isFollowed(dependency[0]?.name ?? ''))
      if (followed.length === 0) this.#choose(candidate)
      for (const dependency of followed) {
        const target = this.#pick(dependency)
        if (target === undefined) throw this.#unmet(candidate, dependency)
        this.#choose(target, candidate)
      }
    }
    return [...this.#chosen.values()]
  }

  #wanted(name: string): Candidate {
    const candidate = this.#index.get(name)
    if (candidate !== undefined) return candidate
    const providers = this.#index.providers(name).map(provider => provider.name)
    const hint =
      providers.length > 0
        ? `it is a virtual package; want one of ${providers.join(', ')}`
        : 'correct the name'
    throw new UserError(`${this.#label}: no suite has a package ${name}`, hint)
  }

  #choose(candidate: Candidate, by?: Candidate): void {
    if (this.#chosen.has(candidate.name)) return
    this.#chosen.set(candidate.name, candidate)
    if (by !== undefined) this.#wantedBy.set(candidate.name, by.name)
    for (const { name } of candidate.provides) {
      this.#providers.set(name, [...(this.#providers.get(name) ?? []), candidate])
    }
  }

  #satisfy(candidate: Candidate, dependency: Dependency): void {
    if (dependency.some(alternative => this.#isMet(alternative))) return
    if (dependency.some(({ name }) => name in this.#group.exclude)) return
    const found = this.#pick(dependency)
    if (found === undefined) throw this.#unmet(candidate, dependency)
    if (found.name in this.#group.exclude) return // it provides the name
    this.#choose(found, candidate)
  }

  #isMet(alternative: Alternative): boolean {
    const named = this.#chosen.get(alternative.name)
    if (named !== undefined && this.#fits(named, alternative)) return true
    return (this.#providers.get(alternative.name) ?? []).some(provider =>
      this.#provides(provider, alternative),
    )
  }

  #pick(dependency: Dependency): Candidate | undefined {
    for (const alternative of dependency) {
      const named = this.#index.get(alternative.name)
      if (named !== undefined && this.#fits(named, alternative)) return named
      const providers = this.#index
        .providers(alternative.name)
        .filter(provider => this.#provides(provider, alternative))
      // Sorted by name already, and sorting is stable.
      providers.sort((a, b) => PRIORITIES.indexOf(a.priority) - PRIORITIES.indexOf(b.priority))
      if (providers[0] !== undefined) return providers[0]
    }
    return undefined
  }

  /** Whether a package of that very name will do. */
  #fits(candidate: Candidate, { qualifier, version }: Alternative): boolean {
    // `:any` and `:native` mean ours as well as any; another machine's packages are never here.
    if (qualifier !== undefined && !['any', 'native', 'all', this.#architecture].includes(qualifier))
      return false
    return version === undefined || satisfies(candidate.version, version.relation, version.bound)
  }

  /** Whether one of a package's other names will do: a versioned dependency needs a versioned `Provides` (policy 7.5). */
  #provides(candidate: Candidate, { name, version }: Alternative): boolean {
    return candidate.provides.some(provided => {
      if (provided.name !== name) return false
      if (version === undefined) return true
      return provided.version !== undefined && satisfies(provided.version, version.relation, version.bound)
    })
  }

  #isFollowed(name: string): boolean {
    return this.#group.follow.some(pattern =>
      pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern,
    )
  }

  #checkConflicts(): void {
    for (const candidate of this.#chosen.values()) {
      for (const [conflict] of candidate.conflicts) {
        if (conflict === undefined) continue
        const named = this.#chosen.get(conflict.name)
        const others = [
          ...(named !== undefined && this.#fits(named, conflict) ? [named] : []),
          ...(this.#providers.get(conflict.name) ?? []).filter(provider =>
            this.#provides(provider, conflict),
          ),
        ]
        // A package may conflict with a name that it provides itself: that excludes all other providers.
        const other = others.find(found => found.name !== candidate.name)
        if (other === undefined) continue
        throw new UserError(
          `${this.#label}: ${this.#chain(candidate.name)} cannot be beside ${this.#chain(other.name)} ` +
            `(${candidate.name} conflicts with ${formatDependency([conflict])})`,
          'stop wanting one of them, or exclude one with its reason',
        )
      }
    }
  }

  #unmet(candidate: Candidate, dependency: Dependency): UserError {
    const offers = dependency.map(({ name }) => {
      const found = this.#index.get(name)
      return found === undefined ? `no suite has ${name}` : `${name} is at ${found.version}`
    })
    return new UserError(
      `${this.#label}: ${this.#chain(candidate.name)} needs ${formatDependency(dependency)}, but ${offers.join(' and ')}`,
      'the mirror may be half updated: try again later, or exclude the package with its reason',
    )
  }

  /** Who wants a package, from the request down: `wanted docker.io → containerd → runc`. */
  #chain(name: string): string {
    const names = [name]
    for (let by = this.#wantedBy.get(name); by !== undefined; by = this.#wantedBy.get(by)) names.unshift(by)
    return `wanted ${names.join(' → ')}`
  }
}
