import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { errorCode } from '#lib/errors.ts'

/** A text file of the repository. */
export interface Source {
  /** Relative to the repository. */
  path: string
  text: string
}

/** The repository whose rules are checked. */
export const ROOT = resolve(import.meta.dirname, '../..')
const LIST_BYTES_MAX = 16 * 1024 * 1024

/** All that is tracked, and what is new and not ignored: so a rule speaks before the commit. */
export async function listSources(root: string = ROOT): Promise<Source[]> {
  const words = ['ls-files', '-z', '--cached', '--others', '--exclude-standard']
  const { stdout } = await promisify(execFile)('git', words, { cwd: root, maxBuffer: LIST_BYTES_MAX })
  const paths = [...new Set(stdout.split('\0'))].filter(path => path !== '').toSorted()
  const sources: Source[] = []
  for (const path of paths) {
    try {
      sources.push({ path, text: await readFile(join(root, path), 'utf8') })
    } catch (error) {
      // Removed but not committed yet, or a link to a folder.
      if (!['ENOENT', 'EISDIR'].includes(errorCode(error) ?? '')) throw error
    }
  }
  return sources
}

/** TypeScript of ours. */
export function isCode(source: Source): boolean {
  return source.path.endsWith('.ts')
}

/** Code that is no test and serves none: what the length rules are for. */
export function isProduct(source: Source): boolean {
  return isCode(source) && !source.path.endsWith('.test.ts') && !source.path.startsWith('test/fixtures/')
}
