import { resolveImport } from './arrows.ts'
import { importsOf, programOf } from './scan.ts'
import type { Source } from './sources.ts'

/**
 * Decisions and codecs that touch nothing outside: given the same values they give the same answer, so that they can
 * be tested in every case and simulated. A new core belongs here.
 */
export const PURE: readonly string[] = [
  'build/bundle/programs.ts',
  'build/cli/command.ts',
  'build/cli/terminal.ts',
  'build/deb/ar.ts',
  'build/deb/control.ts',
  'build/deb/dependency.ts',
  'build/deb/index.ts',
  'build/deb/lock.ts',
  'build/deb/mirrors.ts',
  'build/deb/request.ts',
  'build/deb/resolve.ts',
  'build/deb/version.ts',
  'build/disk/gpt.ts',
  'build/disk/layout.ts',
  'build/disk/slotcfg.ts',
  'build/disk/uuid.ts',
  'build/fs/cpio.ts',
  'build/kernel/cmdline.ts',
  'build/kernel/index.ts',
  'build/kernel/nearest.ts',
  'build/kernel/options.ts',
  'build/kernel/package.ts',
  'build/kernel/rules.ts',
  'build/rootfs/accounts.ts',
  'build/rootfs/entry.ts',
  'build/rootfs/glob.ts',
  'build/rootfs/layout.ts',
  'build/rootfs/ldcache.ts',
  'build/rootfs/prune.ts',
  'build/rootfs/put.ts',
  'build/rootfs/recipe.ts',
  'build/rootfs/strict.ts',
  'build/rootfs/sysusers.ts',
  'build/rootfs/tree.ts',
  'build/rootfs/unitfile.ts',
  'build/rootfs/var.ts',
  'build/tools/layout.ts',
  'build/tools/loader.ts',
  'build/vm/arguments.ts',
  'build/vm/credentials.ts',
  'build/vm/plan.ts',
  'build/vm/qmp/protocol.ts',
  'build/vm/ssh-arguments.ts',
  'build/vm/transcript.ts',
  'daemons/lib/errors.ts',
  'daemons/lib/progress.ts',
  'update-engine/slots/boot.ts',
  'update-engine/slots/checksums.ts',
  'update-engine/slots/choice.ts',
  'update-engine/slots/every-state.ts',
  'update-engine/slots/grubenv.ts',
  'update-engine/slots/state.ts',
]

/** Parts of Node that compute only. */
const COMPUTING = new Set(['node:assert', 'node:crypto', 'node:path', 'node:util', 'node:zlib'])
/** What reaches for the clock, chance, the process, the network, or another turn of the event loop. */
const OUTSIDE =
  /(?<![.\w])(Date\.now|new Date\(\s*\)|Math\.random|random(Bytes|UUID|Int|FillSync|Fill)\(|(setTimeout|setInterval|setImmediate|queueMicrotask|fetch)\(|(performance|process|console|globalThis)\.)/

/** Pure files that are not, and entries of the list that name no file. */
export function checkPurity(sources: readonly Source[], pure: readonly string[] = PURE): string[] {
  const byPath = new Map(sources.map(source => [source.path, source]))
  const problems: string[] = []
  for (const path of pure) {
    const source = byPath.get(path)
    if (source === undefined)
      problems.push(`${path} is in the list of pure files (test/tidy/purity.ts) and gone`)
    else problems.push(...problemsOf(source, pure))
  }
  return problems
}

function problemsOf(source: Source, pure: readonly string[]): string[] {
  const { path, text } = source
  const problems: string[] = []
  for (const { specifier, typeOnly } of importsOf(text)) {
    if (typeOnly || COMPUTING.has(specifier)) continue
    const target = resolveImport(path, specifier)
    if (target === undefined || !pure.includes(target)) problems.push(`${path} is pure, ${specifier} is not`)
  }
  const lines = programOf(text).split('\n')
  for (const [index, line] of lines.entries()) {
    const word = OUTSIDE.exec(line)?.[0]
    if (word !== undefined) problems.push(`${path}:${index + 1} is pure and uses ${word}`)
  }
  return problems
}
