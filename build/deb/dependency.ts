/** How the version must compare, as written in a control file. */
export type Relation = '<<' | '<=' | '=' | '>=' | '>>'

/** One package that would do: `libc6 (>= 2.38)`. */
export interface Alternative {
  name: string
  /** Absent when any version does. */
  version?: { relation: Relation; bound: string }
  /** The architecture qualifier, such as `any` in `perl:any`. */
  qualifier?: string
}

/** One dependency: any of these packages satisfies it, the first that can is preferred. */
export type Dependency = Alternative[]

/** A name that a package also answers to; with a version when versioned dependencies on it are allowed. */
export interface Provided {
  name: string
  version?: string
}

const ALTERNATIVE =
  /^([a-z0-9][a-z0-9+.-]*)(?::([a-z0-9-]+))?\s*(?:\(\s*(<<|<=|=|>=|>>|<|>)\s*([A-Za-z0-9][^\s()]*)\s*\))?\s*(?:\[[^\]]*\])?$/i

/**
 * Parses the value of `Depends`, `Pre-Depends`, `Conflicts` or `Breaks`. Empty items are skipped.
 *
 * @throws SyntaxError naming the item that is no dependency
 */
export function parseDependencies(field: string | undefined): Dependency[] {
  if (field === undefined) return []
  const dependencies: Dependency[] = []
  for (const item of field.split(',')) {
    if (item.trim() === '') continue
    dependencies.push(item.split('|').map(parseAlternative))
  }
  return dependencies
}

/** Parses the value of `Provides`. */
export function parseProvides(field: string | undefined): Provided[] {
  return parseDependencies(field).flatMap(dependency =>
    dependency.map(({ name, version }) =>
      version === undefined ? { name } : { name, version: version.bound },
    ),
  )
}

/** As it stands in a control file, for messages. */
export function formatDependency(dependency: Dependency): string {
  return dependency
    .map(({ name, qualifier, version }) => {
      const bound = version === undefined ? '' : ` (${version.relation} ${version.bound})`
      return `${name}${qualifier === undefined ? '' : `:${qualifier}`}${bound}`
    })
    .join(' | ')
}

function parseAlternative(text: string): Alternative {
  const match = ALTERNATIVE.exec(text.trim())
  if (match === null) throw new SyntaxError(`'${text.trim()}' is not a dependency`)
  const [, name, qualifier, relation, bound] = match
  return {
    name: name!,
    ...(qualifier === undefined ? {} : { qualifier }),
    ...(relation === undefined || bound === undefined
      ? {}
      : { version: { relation: modernRelation(relation), bound } }),
  }
}

/** `<` and `>` are the old spelling of `<=` and `>=` (deb-control(5)). */
function modernRelation(relation: string): Relation {
  if (relation === '<') return '<='
  if (relation === '>') return '>='
  return relation as Relation
}
