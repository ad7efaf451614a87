import { createHash } from 'node:crypto'
import { appendFile, mkdir, open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { UserError } from '#lib/errors.ts'
import type { Progress } from '#lib/progress.ts'
import type { Cache } from '../cache/cache.ts'
import { derivedUuid } from '../disk/uuid.ts'
import type { Recipe } from '../rootfs/recipe.ts'
import { writeTar } from '../rootfs/tar.ts'
import { treeDigest } from '../rootfs/texts.ts'
import type { Tree } from '../rootfs/tree.ts'
import { fileBlob } from './blob.ts'
import type { ToolRunner } from './runner.ts'
import { hashRange, VERITY_BLOCK, type VerityParameters } from './verity.ts'

/** A root file system ready for a slot. */
export interface RootImage {
  /** erofs with its hash tree right behind it: byte for byte what stands at the start of a slot's partition. */
  path: string
  /** Bytes of all. */
  size: number
  /** SHA-256 of all. */
  sha256: string
  /** Bytes of the erofs alone. */
  dataSize: number
  verity: VerityParameters
}

/** Raise it when the same tree and settings give other bytes. */
const RECIPE_VERSION = 1

/**
 * Makes the compressed root file system of a tree, and the hash tree over it. Cached by the tree, the settings and
 * the tools.
 * @param time of everything in it, seconds since the epoch: equal times make small inodes
 */
export async function makeRootImage(
  request: { tree: Tree; settings: Recipe['erofs']; time: number },
  context: { cache: Cache; tools: ToolRunner; progress: Progress; signal?: AbortSignal | undefined },
): Promise<RootImage> {
  const seed = treeDigest(request.tree)
  const settings = [RECIPE_VERSION, basename(context.tools.folder), request.settings, request.time]
  const key = createHash('sha256')
    .update(JSON.stringify([seed, settings]))
    .digest('hex')
  const folder = await context.cache.entry('root-image', key, async path => {
    await mkdir(path)
    const file = join(path, 'root.img')
    const task = context.progress.begin('Compressing the root file system')
    const args = erofsArguments(request.settings, request.time, derivedUuid(seed, 'root'))
    const hints = join(path, 'hints')
    await writeFile(hints, compressHints(request.tree, request.settings))
    args.push(`--compress-hints=${hints}`)
    await context.tools.run('mkfs.erofs', [...args, file], {
      input: writeTar(request.tree),
      signal: context.signal,
    })
    const image = await appendHashTree(file)
    await rm(hints)
    await writeFile(join(path, 'root.json'), JSON.stringify(image))
    task.end(`${(image.dataSize / 1e6).toFixed(1)} MB`)
  })
  const stored = JSON.parse(await readFile(join(folder, 'root.json'), 'utf8')) as Omit<RootImage, 'path'>
  return { ...stored, path: join(folder, 'root.img') }
}

function erofsArguments(settings: Recipe['erofs'], time: number, uuid: string): string[] {
  return [
    '--quiet',
    '--tar=f',
    `-z${[settings, ...settings.special].map(({ compressor }) => compressor).join(':')}`,
    `-C${settings.clusterSize}`,
    ...(settings.features.length > 0 ? [`-E${settings.features.join(',')}`] : []),
    `-T${time}`,
    '--ignore-mtime',
    `-U${uuid.toLowerCase()}`,
  ]
}

/**
 * The file that tells mkfs.erofs which files get another compressor: size of cluster, number of the compressor,
 * regular expression of paths.
 */
export function compressHints(tree: Tree, settings: Recipe['erofs']): string {
  return settings.special
    .flatMap(({ files }, index) =>
      files.flatMap(pattern => {
        const paths = tree.glob(pattern).filter(path => tree.get(path)?.type === 'file')
        if (paths.length === 0) {
          throw new UserError(
            `image/recipe.json: "erofs.special[${index}].files": no file ${pattern} in the image`,
          )
        }
        return paths.map(
          path =>
            `${settings.clusterSize} ${index + 1} ^/?${path.replaceAll(/[.+*?[\](){}^$|\\]/g, '\\$&')}$\n`,
        )
      }),
    )
    .join('')
}

/** The salt follows from the data: it serves against precomputed collisions, and images must not be random. */
async function appendHashTree(path: string): Promise<Omit<RootImage, 'path'>> {
  const { size } = await stat(path)
  const dataSize = Math.ceil(size / VERITY_BLOCK) * VERITY_BLOCK
  if (dataSize !== size) await truncate(path, dataSize)
  const salt = createHash('sha256')
    .update('orlop verity salt\0')
    .update((await fileBlob(path)).sha256)
    .digest('hex')
  const file = await open(path, 'r')
  let hashed: Awaited<ReturnType<typeof hashRange>>
  try {
    hashed = await hashRange(file, { offset: 0, bytes: dataSize }, salt)
  } finally {
    await file.close()
  }
  await appendFile(path, hashed.tree)
  const { sha256, size: whole } = await fileBlob(path)
  return {
    size: whole,
    sha256,
    dataSize,
    verity: { rootHash: hashed.rootHash, salt, dataBlocks: hashed.dataBlocks },
  }
}
