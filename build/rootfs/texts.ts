import { createHash } from 'node:crypto'
import { UserError } from '#lib/errors.ts'
import { hashOf, readText } from './content.ts'
import type { Recipe } from './recipe.ts'
import type { Tree } from './tree.ts'

/** The certificate authorities that are trusted: every certificate of ca-certificates, in order of the paths. */
export function certificateBundle(tree: Tree): string {
  const paths = tree.glob('usr/share/ca-certificates/**/*.crt')
  const texts = paths.map(path => {
    const entry = tree.get(path)
    const text = entry?.type === 'file' ? readText(entry.content).trimEnd() : ''
    if (!text.startsWith('-----BEGIN CERTIFICATE-----') || !text.endsWith('-----END CERTIFICATE-----'))
      throw new UserError(`${path} is not one certificate in PEM`)
    return `${text}\n`
  })
  if (texts.length === 0)
    throw new UserError('the packages bring no certificates', 'is ca-certificates in the list?')
  return texts.join('')
}

/** os-release(5). The build is named by what is in it, not by when it was made. */
export function osRelease(recipe: Recipe, buildId: string): string {
  const pretty = `${recipe.name} ${recipe.version}`
  return Object.entries({
    NAME: recipe.name,
    ID: recipe.id,
    ID_LIKE: 'debian',
    VERSION: recipe.version,
    VERSION_ID: recipe.version,
    BUILD_ID: buildId,
    IMAGE_ID: recipe.id,
    IMAGE_VERSION: recipe.version,
    PRETTY_NAME: pretty,
    ANSI_COLOR: '0;36',
    // the name of a machine that nobody has named; DHCP may still give one
    DEFAULT_HOSTNAME: recipe.hostname,
  })
    .map(([key, value]) => `${key}=${/^[A-Za-z0-9._-]+$/.test(value) ? value : `"${value}"`}\n`)
    .join('')
}

/** SHA-256 in hex over everything in the tree: paths, attributes and content; times left out. */
export function treeDigest(tree: Tree): string {
  const hash = createHash('sha256')
  for (const entry of tree.list()) {
    const what =
      entry.type === 'file'
        ? hashOf(entry.content)
        : entry.type === 'symlink'
          ? entry.target
          : entry.type === 'directory'
            ? ''
            : `${entry.major}:${entry.minor}`
    const { path, type, mode, uid, gid } = entry
    const xattrs = Object.entries(entry.xattrs ?? {}).map(([name, value]) => [
      name,
      Buffer.from(value).toString('hex'),
    ])
    hash.update(`${JSON.stringify([path, type, mode, uid, gid, what, xattrs.sort()])}\n`)
  }
  return hash.digest('hex')
}
