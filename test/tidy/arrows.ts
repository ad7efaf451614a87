import { posix } from 'node:path'
import { importsOf } from './scan.ts'
import { isCode, type Source } from './sources.ts'

/** Folders of ours that code of a folder may import from, beside its own. Longest match counts. */
const ARROWS: Record<string, string[]> = {
  build: ['update-engine', 'daemons/lib'],
  'update-engine': ['daemons/lib'],
  'daemons/lib': [],
  // A package of its own, for others too: it stands on Node alone.
  'daemons/journald': [],
  test: ['build', 'update-engine', 'daemons'],
}
/** A daemon (`daemons/NAME`) may import from there, and what another daemon offers to its clients. */
const DAEMON_ARROWS = ['daemons/lib']
const PUBLIC_OF_DAEMON = /^daemons\/[^/]+\/(client|types)\.ts$/
/** Packages of this repository, by the name under which all may import them, and by their only door. */
const OWN_PACKAGES = new Map([['systemd-journald-ts', 'daemons/journald/mod.ts']])
/** Code that goes into the binary of the image: Node and what is here, nothing from npm. */
const IN_IMAGE = /^(daemons|update-engine)\//
/** Only the host's command line and tests may draw in native code. */
const NATIVE = new Map([['node-pty', /^(build\/vm|build\/cli|test)\//]])
const CODE_FILE = /\.([cm]?[jt]sx?|py|pl|rb|lua|wasm|node)$/
const DATA_FOLDERS = /^(image|kernel-config)\//

/** Imports against the arrows of the architecture, by line of text for people. */
export function checkArrows(sources: readonly Source[]): string[] {
  const problems: string[] = []
  for (const source of sources.filter(isCode)) {
    for (const { specifier } of importsOf(source.text)) {
      const problem = problemOf(source.path, specifier)
      if (problem !== undefined) problems.push(`${source.path} imports ${specifier}: ${problem}`)
    }
  }
  return problems
}

/** image/ and kernel-config/ say what, never how: data, templates and shell scripts of the image only. */
export function checkDataFolders(sources: readonly Source[]): string[] {
  return sources
    .filter(({ path }) => DATA_FOLDERS.test(path) && CODE_FILE.test(path))
    .map(({ path }) => `${path} is code; image/ and kernel-config/ hold data only`)
}

/** The path in the repository that an import means, or undefined when it means a package or Node. */
export function resolveImport(path: string, specifier: string): string | undefined {
  if (specifier.startsWith('#lib/')) return `daemons/lib/${specifier.slice('#lib/'.length)}`
  if (specifier.startsWith('.')) return posix.join(posix.dirname(path), specifier)
  return OWN_PACKAGES.get(specifier)
}

function problemOf(path: string, specifier: string): string | undefined {
  const target = resolveImport(path, specifier)
  if (target === undefined) return packageProblem(path, specifier)
  if (DATA_FOLDERS.test(target)) return 'data is read as a file of the repository that is built, not imported'
  if (OWN_PACKAGES.has(specifier))
    return path.startsWith('daemons/lib/') ? 'daemons/lib imports nothing of ours' : undefined
  const from = folderOf(path)
  const to = folderOf(target)
  if (from === to) return undefined
  if (target.endsWith('.test.ts')) return 'a test is imported by nobody'
  const allowed = ARROWS[from] ?? DAEMON_ARROWS
  if (allowed.some(folder => target.startsWith(`${folder}/`))) return undefined
  if (from.startsWith('daemons/') && from !== 'daemons/lib' && PUBLIC_OF_DAEMON.test(target)) return undefined
  return `${from} may import from ${allowed.join(', ') || 'nothing of ours'}, not from ${to}`
}

/**
 * Without dependencies of their own, and packed into the binary: YAML is too large a language to read by hand, and so
 * is what old journals are compressed with, which Node cannot decompress.
 */
const BUNDLED = ['yaml', 'xz-decompress']

function packageProblem(path: string, specifier: string): string | undefined {
  if (specifier.startsWith('node:')) return undefined
  const isTest = path.endsWith('.test.ts') || path.startsWith('test/')
  if (specifier === 'tap') return isTest ? undefined : 'tap is for tests'
  if (BUNDLED.includes(specifier)) return undefined
  if (IN_IMAGE.test(path) && !isTest) return 'what runs in the image needs Node only'
  const where = NATIVE.get(specifier)
  return where === undefined || where.test(path) ? undefined : 'native code stays on the host'
}

function folderOf(path: string): string {
  const [top = '', second = ''] = path.split('/')
  return top === 'daemons' ? `${top}/${second}` : top
}
