import { lstat, readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '#lib/errors.ts'
import type { TreeEntry } from './entry.ts'
import { comparePaths } from './tree.ts'

/** A file to be laid over the packages is configuration; something bigger was put there by mistake. */
const FILE_BYTES_MAX = 1024 * 1024

/**
 * The files and links of a folder, to be laid over the packages. Of the modes only "executable" counts (0755, else
 * 0644), since that is all git keeps and the umask of whoever cloned must not matter; owner is root.
 *
 * @param mtime seconds since the epoch, for every entry
 */
export async function readOverlay(folder: string, mtime: number): Promise<TreeEntry[]> {
  const entries: TreeEntry[] = []
  const visit = async (below: string): Promise<void> => {
    for (const name of (await readdir(join(folder, below))).sort(comparePaths)) {
      const path = below === '' ? name : `${below}/${name}`
      const full = join(folder, path)
      const info = await lstat(full)
      const base = { path, uid: 0, gid: 0, mtime, origin: 'orlop' }
      if (info.isDirectory()) await visit(path)
      else if (info.isSymbolicLink())
        entries.push({ ...base, type: 'symlink', mode: 0o777, target: await readlink(full) })
      else if (!info.isFile()) throw new UserError(`${full} is neither a file, a folder nor a link`)
      else if (info.size > FILE_BYTES_MAX)
        throw new UserError(
          `${full} is bigger than ${FILE_BYTES_MAX} bytes`,
          'only configuration belongs there',
        )
      else {
        const bytes = await readFile(full)
        const mode = (info.mode & 0o100) !== 0 ? 0o755 : 0o644
        entries.push({ ...base, type: 'file', mode, content: { kind: 'bytes', bytes } })
      }
    }
  }
  await visit('')
  return entries
}
