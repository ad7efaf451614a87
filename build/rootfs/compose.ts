import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Lock } from '../deb/lock.ts'
import type { PackageContents } from '../deb/unpack.ts'
import { checkTree } from './checks.ts'
import { componentSizes } from './components.ts'
import type { TreeEntry } from './entry.ts'
import { applyLayout, parseLayout } from './layout.ts'
import { libraryCache, readElfFiles } from './libraries.ts'
import { keepLicences } from './licences.ts'
import { mergePackages } from './merge.ts'
import { readOverlay } from './overlay.ts'
import { putPresets } from './presets.ts'
import { parsePruneRules, pruneTree } from './prune.ts'
import { Maker } from './put.ts'
import type { Recipe } from './recipe.ts'
import { type BundledSoftware, sbomText } from './sbom.ts'
import { certificateBundle, osRelease, treeDigest } from './texts.ts'
import type { Tree } from './tree.ts'
import { composeAccounts, parseAccountsFile, putAccounts } from './users.ts'
import { moveVar } from './var.ts'

/** Where the one binary of our programs is; its names are links to it in usr/bin. */
export const BINARY_PATH = 'usr/lib/orlop/orlop'

const SBOM_PATH = 'usr/share/orlop/sbom.spdx.json'
const CERTIFICATES_PATH = 'etc/ssl/certs/ca-certificates.crt'

/** Everything that decides a root file system. */
export interface RootInput {
  /** The packages of the lock's group `root`, unpacked. */
  packages: PackageContents[]
  /** The modules that the image shall have, pruned and with their indexes, and the kernel's release. */
  kernel: { entries: TreeEntry[]; release: string }
  binary: { path: string; size: number; sha256: string }
  /** Names under which the binary is called. */
  programs: string[]
  /** What the binary is made of, for the bill of materials. */
  bundled?: BundledSoftware[]
  /** The repository's image folder: overlay/, prune.json, layout.json, accounts.json. */
  imageFolder: string
  /** Content of the sysctl file. */
  sysctl: string
  recipe: Recipe
  lock: Lock
}

/** A composed root file system. */
export interface Root {
  tree: Tree
  /** SPDX JSON; also in the tree. */
  sbom: string
  report: {
    /** Uncompressed bytes by component. */
    components: Record<string, number>
  }
}

/**
 * Makes the root file system of an image out of unpacked packages: what maintainer scripts would do on an installed
 * machine is done here, once, as data. Nothing depends on the host or the time.
 *
 * @throws UserError when the recipe's files are wrong or the result is not whole
 */
export async function composeRoot(input: RootInput): Promise<Root> {
  const { lock, recipe, imageFolder } = input
  const named = (name: string) => ({
    name: `image/${name}`,
    text: () => readFile(join(imageFolder, name), 'utf8'),
  })
  const files = {
    prune: named('prune.json'),
    layout: named('layout.json'),
    accounts: named('accounts.json'),
  }
  const layout = parseLayout(await files.layout.text(), files.layout.name)
  const rules = parsePruneRules(await files.prune.text(), files.prune.name)
  const ownAccounts = parseAccountsFile(await files.accounts.text(), files.accounts.name)

  const tree = mergePackages(input.packages, lock.date)
  const maker = new Maker(tree, lock.date)
  const accounts = composeAccounts(tree, ownAccounts, files.accounts.name)
  const licences = keepLicences(
    maker,
    input.packages.map(contents => contents.package.name),
  )
  const certificates = certificateBundle(tree)
  pruneTree(tree, rules, files.prune.name)

  for (const entry of input.kernel.entries) tree.put({ ...entry, mtime: Math.min(entry.mtime, lock.date) })
  for (const entry of await readOverlay(join(imageFolder, 'overlay'), lock.date)) tree.put(entry)
  putBinary(maker, input)
  maker.file('usr/lib/sysctl.d/50-orlop.conf', input.sysctl)
  maker.file(CERTIFICATES_PATH, certificates)
  putAccounts(tree, accounts, lock.date)
  applyLayout(maker, layout, accounts, files.layout.name)
  moveVar(maker, accounts)
  putPresets(tree, lock.date)

  const elfs = readElfFiles(tree)
  maker.file('etc/ld.so.cache', libraryCache(tree, elfs))
  const distribution = lock.suites[0]?.name ?? 'debian'
  const sbom = sbomText(lock, { recipe, distribution, bundled: input.bundled ?? [], licences })
  maker.file(SBOM_PATH, sbom)
  maker.file('usr/lib/os-release', osRelease(recipe, treeDigest(tree).slice(0, 16)))
  checkTree(tree, elfs, layout.outside)
  return { tree, sbom, report: { components: componentSizes(tree, BINARY_PATH) } }
}

function putBinary(maker: Maker, { binary, programs }: RootInput): void {
  maker.file(BINARY_PATH, '', { mode: 0o755, content: { kind: 'blob', ...binary } })
  for (const name of programs) maker.link(`usr/bin/${name}`, `../lib/orlop/orlop`)
}
