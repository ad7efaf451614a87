import { importsOf } from './scan.ts'
import { isCode, type Source } from './sources.ts'

/** What the rule reads of package.json. */
export interface Manifest {
  name?: string
  /** Folders of packages of ours. */
  workspaces?: string[]
  dependencies?: Record<string, string>
  devDependencies?: Record<string, string>
}

const EXACT = /^(npm:@?[\w./-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/

/** Dependencies that float, or that nothing uses; packages that are used and not declared. */
export function checkManifest(manifest: Manifest, sources: readonly Source[]): string[] {
  const declared = { ...manifest.dependencies, ...manifest.devDependencies }
  const own = workspacesOf(manifest, sources)
  const problems = Object.entries(declared)
    .filter(([, version]) => !EXACT.test(version))
    .map(([name, version]) => `package.json: ${name} ${version} is no exact version`)
  const code = sources.filter(source => isCode(source) || source.path.endsWith('.mjs'))
  const imported = new Set(code.flatMap(({ text }) => importsOf(text).map(item => packageOf(item.specifier))))
  for (const name of Object.keys(declared)) {
    const types = /^@types\/(.*)$/.exec(name)?.[1]
    const used = types === undefined ? isUsed(name, imported, code) : types === 'node' || imported.has(types)
    if (!used) problems.push(`package.json: nothing uses ${name}`)
  }
  // A package that is installed under another name keeps its own one in its types.
  const aliases = Object.values(declared).map(version => /^npm:(.+)@/.exec(version)?.[1])
  for (const { path, manifest: one } of own) {
    for (const [name, version] of Object.entries({ ...one.dependencies, ...one.devDependencies })) {
      if (declared[name] !== version)
        problems.push(`${path}: ${name} ${version} is ${declared[name] ?? 'not there'} in package.json`)
    }
  }
  for (const name of imported) {
    if (own.some(({ manifest: one }) => one.name === name)) continue
    if (name !== undefined && !(name in declared) && !aliases.includes(name))
      problems.push(`package.json lacks ${name}, which is imported`)
  }
  return problems
}

/** The packages of ours in this repository. */
function workspacesOf(
  manifest: Manifest,
  sources: readonly Source[],
): { path: string; manifest: Manifest }[] {
  const paths = (manifest.workspaces ?? []).map(folder => `${folder}/package.json`)
  return sources
    .filter(({ path }) => paths.includes(path))
    .map(({ path, text }) => ({ path, manifest: JSON.parse(text) as Manifest }))
}

/** Imported, resolved, or run from its folder in node_modules. */
function isUsed(name: string, imported: Set<string | undefined>, code: Source[]): boolean {
  if (imported.has(name)) return true
  const signs = [`node_modules/${name}/`, `resolve('${name}`, `require('${name}`]
  return code.some(({ text }) => signs.some(sign => text.includes(sign)))
}

/** The npm package that a specifier means; undefined for Node's and our own modules. */
function packageOf(specifier: string): string | undefined {
  if (/^(node:|\.|#|\/|file:)|[$:\s]|\.m?[jt]s$/.test(specifier)) return undefined
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}
