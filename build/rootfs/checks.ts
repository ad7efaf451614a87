import { UserError } from '#lib/errors.ts'
import { readText, withReader } from './content.ts'
import type { Elf } from './elf.ts'
import { compileGlob } from './glob.ts'
import { libraryFolders } from './libraries.ts'
import { dropInTexts } from './presets.ts'
import { nameOf, parentOf, type Tree } from './tree.ts'
import { parseUnit } from './unitfile.ts'

/** How many findings one message lists. */
const FINDINGS_SHOWN_MAX = 12

/** Where programs named without a path are looked for. */
const PROGRAM_FOLDERS = ['usr/local/sbin', 'usr/local/bin', 'usr/sbin', 'usr/bin']

/**
 * Checks that the tree is whole: every link leads somewhere, every program finds its libraries and its interpreter,
 * every unit finds its programs. This is what tells at build time that pruning went too far.
 *
 * @param outside patterns of paths that exist only in the running system
 * @throws UserError listing what is missing
 */
export function checkTree(tree: Tree, elfs: Map<string, Elf>, outside: string[]): void {
  const findings = [
    ...brokenLinks(tree, outside),
    ...missingLibraries(tree, elfs),
    ...missingInterpreters(tree, elfs),
    ...missingPrograms(tree),
  ]
  if (findings.length === 0) return
  const more = findings.length - FINDINGS_SHOWN_MAX
  throw new UserError(
    `the root file system is not whole:\n  ${findings.slice(0, FINDINGS_SHOWN_MAX).join('\n  ')}${more > 0 ? `\n  and ${more} more` : ''}`,
    'correct image/prune.json, image/layout.json or image/packages.json',
  )
}

/** Links that lead nowhere, except to what only the running system has. */
export function brokenLinks(tree: Tree, outside: string[]): string[] {
  const allowed = outside.map(pattern => compileGlob(pattern))
  return tree.list().flatMap(entry => {
    if (entry.type !== 'symlink') return []
    const { path, entry: target } = tree.resolve(entry.path)
    if (target !== undefined || allowed.some(glob => glob.test(path))) return []
    return [`${entry.path} (from ${entry.origin}) links to ${entry.target}, which is not there`]
  })
}

/** Libraries that programs or other libraries need and the loader would not find. */
export function missingLibraries(tree: Tree, elfs: Map<string, Elf>): string[] {
  const folders = libraryFolders(tree)
  const findings: string[] = []
  for (const [path, elf] of elfs) {
    if (elf.bits !== 64) continue
    const origin = parentOf(path)
    const own = elf.runpath.map(folder => folder.replace(/\$\{?ORIGIN\}?/, origin).replace(/^\//, ''))
    for (const name of elf.needed) {
      // the last one: what lies beside a library of systemd's own folder is loaded before it, by who loads both
      const found = [...own, ...folders, origin].some(
        folder => tree.resolve(`${folder}/${name}`).entry?.type === 'file',
      )
      if (!found) findings.push(`${path} (from ${tree.get(path)?.origin}) needs the library ${name}`)
    }
  }
  return findings
}

/** Loaders of programs and `#!` interpreters of scripts that are not there. */
export function missingInterpreters(tree: Tree, elfs: Map<string, Elf>): string[] {
  return tree.list().flatMap(entry => {
    if (entry.type !== 'file' || (entry.mode & 0o111) === 0) return []
    const wanted =
      elfs.get(entry.path)?.interpreter ?? withReader(entry.content, read => scriptInterpreter(read(0, 256)))
    if (wanted === undefined || tree.resolve(wanted).entry?.type === 'file') return []
    return [`${entry.path} (from ${entry.origin}) needs the interpreter ${wanted}`]
  })
}

/** The program that runs a script; behind `env`, the one it looks up. */
function scriptInterpreter(start: Uint8Array): string | undefined {
  const line = Buffer.from(start).toString('latin1').split('\n', 1)[0] ?? ''
  const match = /^#!\s*(\/\S+)(?:\s+(?:-\S+\s+)*(\S+))?/.exec(line)
  if (!match) return undefined
  const [, program = '', argument] = match
  return nameOf(program) === 'env' && argument !== undefined ? `/usr/bin/${argument}` : program
}

/** Programs that units start and that are not there or not executable. A leading `-` in a unit excuses it. */
export function missingPrograms(tree: Tree): string[] {
  const findings: string[] = []
  for (const folder of ['usr/lib/systemd/system', 'usr/lib/systemd/user', 'etc/systemd/system'])
    for (const entry of tree.children(folder)) {
      if (entry.type !== 'file' || !/\.(service|socket|mount|swap)$/.test(entry.path)) continue
      const unit = parseUnit(readText(entry.content), ...dropInTexts(tree, nameOf(entry.path)))
      for (const section of ['Service', 'Socket'])
        for (const key of [
          'ExecStartPre',
          'ExecStart',
          'ExecStartPost',
          'ExecReload',
          'ExecStop',
          'ExecStopPost',
          'ExecCondition',
        ])
          for (const command of unit.values(section, key)) {
            const program = commandProgram(command)
            if (program === undefined || isProgram(tree, program)) continue
            findings.push(`${entry.path} (from ${entry.origin}) starts ${program}`)
          }
    }
  return findings
}

/** The program of a command line; undefined when it may be missing or is known only at run time. */
function commandProgram(command: string): string | undefined {
  const prefix = /^[@:+!|-]*/.exec(command)![0]
  const program =
    command
      .slice(prefix.length)
      .replace(/^["']/, '')
      .split(/[\s"']/, 1)[0] ?? ''
  return prefix.includes('-') || /[%$]/.test(program) || program === '' ? undefined : program
}

function isProgram(tree: Tree, program: string): boolean {
  const paths = program.includes('/') ? [program] : PROGRAM_FOLDERS.map(folder => `${folder}/${program}`)
  return paths.some(path => {
    const entry = tree.resolve(path).entry
    return entry?.type === 'file' && (entry.mode & 0o111) !== 0
  })
}
