import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Cache } from '../cache/cache.ts'
import type { ToolRunner } from '../fs/runner.ts'
import { readContent, readText } from '../rootfs/content.ts'
import type { FileEntry, TreeEntry } from '../rootfs/entry.ts'
import { type ModuleIndex, parseModuleIndex } from './index.ts'
import { staticNodes } from './nodes.ts'
import { type KernelPackage, type KernelParts, kernelParts } from './package.ts'
import { chooseModules, type ModuleRule } from './rules.ts'

/** Which index files are kept beside the modules: libkmod reads the binary ones, busybox the text ones. */
export type ModuleForm = 'image' | 'initrd'

const INDEX_FILES: Record<ModuleForm, string[]> = {
  image: [
    'modules.alias.bin',
    'modules.builtin',
    'modules.builtin.alias.bin',
    'modules.builtin.bin',
    'modules.builtin.modinfo',
    'modules.dep.bin',
    'modules.softdep',
    'modules.symbols.bin',
    'modules.weakdep',
  ],
  initrd: ['modules.alias', 'modules.builtin', 'modules.dep', 'modules.softdep'],
}

/** Counts the ways in which this file made its cache entries: raise it when what is made changes. */
const RECIPE_VERSION = 3
/** Arguments to one call of xz, so that no command line grows past what the kernel takes. */
const FILES_PER_CALL = 256

/** What choosing modules may use. */
export interface ModuleContext {
  cache: Cache
  tools: ToolRunner
  signal?: AbortSignal | undefined
}

/**
 * The modules that the rules choose under `usr/lib/modules/VERSION`, with the index files made by
 * depmod for just this set. The same kernel and rules give the same bytes; the work is cached.
 * @param where names the rules in errors
 */
export async function selectModules(
  request: { kernel: KernelPackage; rules: ModuleRule[]; form: ModuleForm; where: string },
  context: ModuleContext,
): Promise<TreeEntry[]> {
  const parts = kernelParts(request.kernel)
  const index = await indexOf(request.kernel, parts, context)
  const chosen = chooseModules(request.rules, index, request.where)
  const recipe = JSON.stringify([RECIPE_VERSION, request.kernel.package.sha256, request.form, chosen])
  const key = createHash('sha256').update(recipe).digest('hex')
  const folder = await context.cache.entry('kernel-modules', key, async path => {
    await assemble(path, request.form, { parts, chosen: new Set(chosen) }, context)
    const modules = join(path, 'usr/lib/modules', parts.version)
    if (request.form === 'image')
      await writeNodes(path, await readFile(join(modules, 'modules.devname'), 'utf8'))
    await dropFiles(modules, INDEX_FILES[request.form])
    await writeFile(join(path, 'entries.json'), JSON.stringify(await listFiles(path, 'usr/lib')))
  })
  const files = JSON.parse(await readFile(join(folder, 'entries.json'), 'utf8')) as StoredFile[]
  return toEntries(files, folder, parts)
}

/** Instead of `modules.devname`, so that no boot has to work it out. */
async function writeNodes(base: string, devname: string): Promise<void> {
  const path = join(base, 'usr/lib/tmpfiles.d/static-nodes.conf')
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, staticNodes(devname))
}

interface StoredFile {
  path: string
  size: number
  sha256: string
}

/** Dependencies of all modules of the package: it brings none, its install script would make them. */
async function indexOf(
  kernel: KernelPackage,
  parts: KernelParts,
  context: ModuleContext,
): Promise<ModuleIndex> {
  const folder = await context.cache.entry(
    'kernel-index',
    `${kernel.package.sha256}-${RECIPE_VERSION}`,
    async path => {
      const work = context.cache.partialPath()
      try {
        await linkFiles(work, [...parts.lists, ...parts.modules])
        await depmod(work, parts.version, context)
        await rename(join(work, 'usr/lib/modules', parts.version), path)
        await rm(join(path, 'kernel'), { recursive: true })
      } finally {
        await rm(work, { recursive: true, force: true })
      }
    },
  )
  const text = (name: string) => readFile(join(folder, name), 'utf8')
  const [dep, softdep, alias] = await Promise.all([
    text('modules.dep'),
    text('modules.softdep'),
    text('modules.alias'),
  ])
  const builtin = parts.lists.find(file => file.path.endsWith('/modules.builtin'))
  return parseModuleIndex({ dep, softdep, alias, builtin: builtin ? readText(builtin.content) : '' })
}

/** In the image the modules stay compressed as they came, see kernel-config/README.md. */
async function assemble(
  path: string,
  form: ModuleForm,
  { parts, chosen }: { parts: KernelParts; chosen: Set<string> },
  context: ModuleContext,
): Promise<void> {
  const base = `usr/lib/modules/${parts.version}/`
  const modules = parts.modules.filter(file => chosen.has(file.path.slice(base.length)))
  await copyFiles(path, [...parts.lists, ...modules])
  const compressed =
    form === 'image'
      ? []
      : modules.filter(file => file.path.endsWith('.xz')).map(file => join(path, file.path))
  for (let at = 0; at < compressed.length; at += FILES_PER_CALL) {
    const files = compressed.slice(at, at + FILES_PER_CALL)
    await context.tools.run('xz', ['--decompress', '--', ...files], signalOf(context))
  }
  await depmod(path, parts.version, context)
}

/** depmod looks for `lib/modules` below its base; ours stand below `usr/lib`. */
async function depmod(base: string, version: string, context: ModuleContext): Promise<void> {
  const link = join(base, 'lib')
  await symlink('usr/lib', link)
  await context.tools.run('depmod', ['--basedir', base, version], signalOf(context))
  await rm(link)
}

function signalOf(context: ModuleContext): { signal?: AbortSignal } {
  return context.signal ? { signal: context.signal } : {}
}

async function linkFiles(base: string, files: FileEntry[]): Promise<void> {
  for (const file of files) {
    const path = join(base, file.path)
    await mkdir(dirname(path), { recursive: true })
    if (file.content.kind === 'blob') await symlink(file.content.path, path)
    else await writeFile(path, file.content.bytes)
  }
}

async function copyFiles(base: string, files: FileEntry[]): Promise<void> {
  for (const file of files) {
    const path = join(base, file.path)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, readContent(file.content))
  }
}

async function dropFiles(folder: string, kept: string[]): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.startsWith('modules.') && !kept.includes(name)) await rm(join(folder, name))
  }
}

async function listFiles(base: string, folder: string): Promise<StoredFile[]> {
  const found: StoredFile[] = []
  const items = await readdir(join(base, folder), { withFileTypes: true, recursive: true })
  for (const item of items) {
    if (!item.isFile()) continue
    const full = join(item.parentPath, item.name)
    const bytes = await readFile(full)
    found.push({
      path: full.slice(base.length + 1),
      size: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
    })
  }
  return found.sort((a, b) => (a.path < b.path ? -1 : 1))
}

function toEntries(files: StoredFile[], folder: string, parts: KernelParts): TreeEntry[] {
  const common = { uid: 0, gid: 0, mtime: parts.vmlinuz.mtime, origin: parts.vmlinuz.origin }
  const folders = new Set<string>()
  for (const { path } of files) {
    for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) folders.add(path.slice(0, at))
  }
  return [
    ...[...folders].sort().map((path): TreeEntry => ({ ...common, type: 'directory', path, mode: 0o755 })),
    ...files.map(
      ({ path, size, sha256 }): TreeEntry => ({
        ...common,
        type: 'file',
        path,
        mode: 0o644,
        content: { kind: 'blob', path: join(folder, path), size, sha256 },
      }),
    ),
  ]
}
