import { hashOf } from './content.ts'
import type { Maker } from './put.ts'

const FOLDER = 'usr/share/licenses'

/**
 * Keeps the copyright file of every package, at usr/share/licenses/PACKAGE/copyright, where pruning the
 * documentation does not reach. Packages of one source have the same file: it is there once, the others link to it.
 *
 * @returns the path of each package's file; a package without one is missing in it
 */
export function keepLicences(maker: Maker, packages: string[]): Map<string, string> {
  const { tree } = maker
  const kept = new Map<string, string>()
  const firstOf = new Map<string, string>()
  for (const name of [...packages].sort()) {
    const entry = tree.resolve(`usr/share/doc/${name}/copyright`).entry
    if (entry?.type !== 'file') continue
    const path = `${FOLDER}/${name}/copyright`
    const hash = hashOf(entry.content)
    const first = firstOf.get(hash)
    if (first === undefined) tree.put({ ...entry, path, mode: 0o644, uid: 0, gid: 0 })
    else maker.link(path, `../${first}/copyright`)
    if (first === undefined) firstOf.set(hash, name)
    kept.set(name, path)
  }
  return kept
}
