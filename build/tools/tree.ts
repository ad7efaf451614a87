import { closeSync, constants, existsSync, openSync, readSync } from 'node:fs'
import { chmod, copyFile, link, mkdir, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { PackageContents } from '../deb/unpack.ts'
import type { FileEntry } from '../rootfs/entry.ts'
import { layOut } from './layout.ts'
import { PROGRAM_FOLDERS, PROGRAM_HEAD_BYTES, programKind, wrapperScript } from './loader.ts'

/** Writes the tools' packages to a new folder, with a script for each program in `bin`. */
export async function makeTree(
  contents: PackageContents[],
  folder: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  await mkdir(folder)
  const made = new Set<string>()
  const makeFolder = async (path: string) => {
    if (made.has(path)) return
    await mkdir(join(folder, path), { recursive: true })
    made.add(path)
  }
  for (const [path, entry] of layOut(contents)) {
    signal?.throwIfAborted()
    const target = join(folder, path)
    await makeFolder(entry.type === 'directory' ? path : dirname(path))
    if (entry.type === 'symlink') await symlink(entry.target, target)
    else if (entry.type === 'file') await placeFile(entry, target)
  }
  await makeWrappers(folder)
}

async function placeFile(entry: FileEntry, target: string): Promise<void> {
  const { content } = entry
  if (content.kind !== 'blob') throw new Error(`${entry.path}: a package's file is no blob`)
  await rm(target, { force: true })
  // Blobs are read-only and shared by their links, so what has to be executable is a copy.
  if ((entry.mode & 0o111) === 0) return await link(content.path, target)
  await copyFile(content.path, target, constants.COPYFILE_FICLONE)
  await chmod(target, 0o755)
}

async function makeWrappers(folder: string): Promise<void> {
  await mkdir(join(folder, 'bin'))
  for (const place of PROGRAM_FOLDERS) {
    if (!existsSync(join(folder, place))) continue
    for (const name of await readdir(join(folder, place))) {
      const program = `${place}/${name}`
      const info = await stat(join(folder, program)).catch(() => undefined) // a link to what is not here
      if (!info?.isFile()) continue
      const script = wrapperScript(program, programKind(readHead(join(folder, program))))
      await writeFile(join(folder, 'bin', name), script, { mode: 0o755 })
    }
  }
}

/** As much of a program as `programKind` wants. */
export function readHead(path: string): Uint8Array {
  const file = openSync(path, 'r')
  try {
    const head = Buffer.alloc(PROGRAM_HEAD_BYTES)
    return head.subarray(0, readSync(file, head, 0, head.length, 0))
  } finally {
    closeSync(file)
  }
}
