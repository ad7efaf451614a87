import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { constants, zstdCompress } from 'node:zlib'
import type { Progress } from '#lib/progress.ts'
import type { Cache } from '../cache/cache.ts'
import { type Blob, fileBlob } from '../fs/blob.ts'
import { type CpioItem, encodeCpio } from '../fs/cpio.ts'
import { hashOf, readContent } from '../rootfs/content.ts'
import type { Content, TreeEntry } from '../rootfs/entry.ts'
import type { Tree } from '../rootfs/tree.ts'
import { programsWithLibraries } from './closure.ts'

/** What goes into an initrd. */
export interface InitrdParts {
  /** The statically linked busybox, from group `initrd`. */
  busybox: Content
  /** The composed root: the programs below are taken from it with their libraries. */
  root: Tree
  /** As `selectModules` gives them for the initrd. */
  modules: TreeEntry[]
  /** `image/initrd/init`. */
  init: Content
  /** Time of all files, seconds since the epoch. */
  mtime: number
  /** For a diskless start: the root file system itself, found as /root.erofs. */
  embeddedRoot?: Content
}

/** Programs that busybox has no working form of. */
const PROGRAMS = ['usr/sbin/dmsetup', 'usr/sbin/e2fsck']

const FOLDERS = [
  'bin',
  'dev',
  'etc',
  'mnt',
  'proc',
  'run',
  'sbin',
  'sys',
  'sysroot',
  'tmp',
  'usr',
  'usr/bin',
  'usr/lib',
  'usr/lib64',
  'usr/sbin',
]
/** The kernel calls /sbin/modprobe when a driver asks for another. */
const LINKS = {
  lib: 'usr/lib',
  lib64: 'usr/lib64',
  'sbin/modprobe': '../bin/busybox',
  'sbin/dmsetup': '../usr/sbin/dmsetup',
  'sbin/e2fsck': '../usr/sbin/e2fsck',
}

/** Small enough to load fast; the window must fit beside the unpacked files in 512 MiB of memory. */
const ZSTD_LEVEL = 19
const ZSTD_WINDOW_LOG = 24
/** A root inside is compressed already. */
const ZSTD_LEVEL_EMBEDDED = 3
/** Raise it when the same parts give other bytes. */
const RECIPE_VERSION = 1

/** Makes the initrd: a zstd-compressed cpio archive. Same parts, same bytes; cached. */
export async function makeInitrd(
  parts: InitrdParts,
  context: { cache: Cache; progress: Progress },
): Promise<Blob> {
  const items = initrdItems(parts)
  const recipe = items.map(({ entry }) => [
    entry.path,
    entry.type,
    entry.mode,
    entry.mtime,
    entry.type === 'file' ? hashOf(entry.content) : '',
  ])
  const settings = [RECIPE_VERSION, ZSTD_LEVEL, ZSTD_WINDOW_LOG, process.versions.zstd, LINKS]
  const key = createHash('sha256')
    .update(JSON.stringify([settings, recipe]))
    .digest('hex')
  const path = await context.cache.entry('initrd', key, async partial => {
    const task = context.progress.begin('Packing the initrd')
    const archive = encodeCpio(
      items.map(
        ({ entry }): CpioItem =>
          entry.type === 'file' ? { entry, data: readContent(entry.content) } : { entry },
      ),
    )
    const packed = await compress(archive, parts.embeddedRoot ? ZSTD_LEVEL_EMBEDDED : ZSTD_LEVEL)
    await writeFile(partial, packed)
    task.end(`${(packed.length / 1e6).toFixed(1)} MB of ${(archive.length / 1e6).toFixed(1)} MB`)
  })
  return await fileBlob(path)
}

function compress(bytes: Buffer, level: number): Promise<Buffer> {
  return promisify(zstdCompress)(bytes, {
    params: {
      [constants.ZSTD_c_compressionLevel]: level,
      [constants.ZSTD_c_windowLog]: ZSTD_WINDOW_LOG,
      [constants.ZSTD_c_checksumFlag]: 1,
    },
    pledgedSrcSize: bytes.length,
  })
}

/** All entries; owners are root and times equal, so that nothing of the host or of the order of work shows. */
function initrdItems(parts: InitrdParts): { entry: TreeEntry }[] {
  const common = { uid: 0, gid: 0, mtime: parts.mtime, origin: 'orlop' }
  const entries = new Map<string, TreeEntry>()
  const put = (entry: TreeEntry) => entries.set(entry.path, entry)
  const putFile = (path: string, mode: number, content: Content) =>
    put({ ...common, type: 'file', path, mode, content })
  for (const path of FOLDERS) put({ ...common, type: 'directory', path, mode: 0o755 })
  for (const [path, target] of Object.entries(LINKS))
    put({ ...common, type: 'symlink', path, mode: 0o777, target })
  // Before the script mounts /dev, the kernel opens the console for it.
  put({ ...common, type: 'character', path: 'dev/console', mode: 0o600, major: 5, minor: 1 })
  put({ ...common, type: 'character', path: 'dev/null', mode: 0o666, major: 1, minor: 3 })
  putFile('init', 0o755, parts.init)
  putFile('bin/busybox', 0o755, parts.busybox)
  for (const { path, file } of programsWithLibraries(parts.root, PROGRAMS)) {
    put({ ...common, type: 'directory', path: path.slice(0, path.lastIndexOf('/')), mode: 0o755 })
    putFile(path, 0o755, file.content)
  }
  for (const entry of parts.modules) if (!entries.has(entry.path)) put({ ...entry, ...common })
  if (parts.embeddedRoot) putFile('root.erofs', 0o644, parts.embeddedRoot)
  return [...entries.values()].map(entry => ({ entry }))
}
