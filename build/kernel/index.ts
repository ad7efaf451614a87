/**
 * What depmod says about a kernel's modules, as pure data. Names are normalised as the kernel does: `-` is `_`.
 */
export interface ModuleIndex {
  /** Name → path under the module folder, such as `kernel/drivers/net/dummy.ko.xz`. */
  paths: Map<string, string>
  /** Path → paths of everything that must be loaded before it. */
  dependencies: Map<string, string[]>
  /** Name → names or aliases that it may ask for at run time without a hard dependency. */
  soft: Map<string, string[]>
  /** Alias without wildcard → module names. */
  aliases: Map<string, string[]>
  /** Names of what is compiled into the kernel. */
  builtin: Set<string>
}

/** The name by which the kernel knows a module file. */
export function moduleName(path: string): string {
  return path
    .slice(path.lastIndexOf('/') + 1)
    .replace(/\.ko(\.(xz|zst|gz))?$/, '')
    .replaceAll('-', '_')
}

/** Builds the index from the text files that depmod writes (`modules.dep` and its like) and the kernel ships. */
export function parseModuleIndex(files: {
  dep: string
  softdep: string
  alias: string
  builtin: string
}): ModuleIndex {
  const index: ModuleIndex = {
    paths: new Map(),
    dependencies: new Map(),
    soft: new Map(),
    aliases: new Map(),
    builtin: new Set(),
  }
  for (const line of lines(files.dep)) {
    const [path, rest] = splitOnce(line, ':')
    index.paths.set(moduleName(path), path)
    index.dependencies.set(path, rest.split(' ').filter(Boolean))
  }
  for (const line of lines(files.softdep)) {
    const [keyword, name, ...words] = line.split(' ')
    if (keyword !== 'softdep' || name === undefined) continue
    append(
      index.soft,
      name.replaceAll('-', '_'),
      words.filter(word => word !== 'pre:' && word !== 'post:'),
    )
  }
  for (const line of lines(files.alias)) {
    const [keyword, alias, name] = line.split(' ')
    if (keyword !== 'alias' || alias === undefined || name === undefined || /[*?[]/.test(alias)) continue
    append(index.aliases, alias, [name.replaceAll('-', '_')])
  }
  for (const line of lines(files.builtin)) index.builtin.add(moduleName(line))
  return index
}

/** The paths with everything they need: hard dependencies, and soft ones as far as this kernel has them. */
export function closeOverDependencies(index: ModuleIndex, start: Iterable<string>): Set<string> {
  const closed = new Set<string>()
  const queue = [...start]
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (closed.has(path)) continue
    closed.add(path)
    queue.push(...(index.dependencies.get(path) ?? []))
    for (const wanted of index.soft.get(moduleName(path)) ?? []) queue.push(...providersOf(index, wanted))
  }
  return closed
}

function providersOf(index: ModuleIndex, wanted: string): string[] {
  const names = [wanted.replaceAll('-', '_'), ...(index.aliases.get(wanted) ?? [])]
  return names.flatMap(name => index.paths.get(name) ?? [])
}

function lines(text: string): string[] {
  return text.split('\n').filter(line => line !== '' && !line.startsWith('#'))
}

function splitOnce(line: string, separator: string): [string, string] {
  const at = line.indexOf(separator)
  return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + separator.length)]
}

function append(map: Map<string, string[]>, key: string, values: string[]): void {
  map.set(key, [...(map.get(key) ?? []), ...values])
}
