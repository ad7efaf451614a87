import { UserError } from '#lib/errors.ts'
import { parseStrict, type StrictObject } from './strict.ts'

/** What one image is: its name and version, the sizes of its partitions, how its root is compressed. */
export interface Recipe {
  /** As people read it, such as `Orlop`. */
  name: string
  /** As programs read it (os-release ID), such as `orlop`. */
  id: string
  version: string
  /** The machine's name until something better is known. */
  hostname: string
  /** Bytes of each partition; all are multiples of 1 MiB. */
  sizes: { esp: number; slot: number; oem: number; state: number }
  erofs: {
    /** As `mkfs.erofs -z` takes it, such as `zstd,level=9`. */
    compressor: string
    /** Bytes compressed together (`-C`). */
    clusterSize: number
    /** Further features (`-E`). */
    features: string[]
    /** Files that are compressed otherwise than the rest, with the reason; paths or patterns. */
    special: { why: string; compressor: string; files: string[] }[]
  }
}

const MIB = 1024 ** 2

/** Bounds of a partition: the slot must hold an image, and sizes beyond this are typing errors. */
const SIZES_MIB = { esp: [40, 1024], slot: [64, 16384], oem: [4, 4096], state: [64, 65536] } as const

/**
 * Parses image/recipe.json.
 *
 * @throws UserError naming the file and the key for anything unknown, missing or out of bounds
 */
export function parseRecipe(text: string, file: string): Recipe {
  const top = parseStrict(text, file)
  const sizes = top.object('sizes')
  const erofs = top.object('erofs')
  const partition = (key: keyof typeof SIZES_MIB) => {
    const size = sizes.size(key)
    const [min, max] = SIZES_MIB[key]
    if (size % MIB !== 0 || size < min * MIB || size > max * MIB)
      throw new UserError(`${file}: "sizes.${key}" must be whole MiB from ${min} MiB to ${max} MiB`)
    return size
  }
  const recipe: Recipe = {
    name: top.text('name', /^[A-Za-z][A-Za-z0-9 ]{0,30}$/, 'a name of letters, digits and spaces'),
    id: top.text('id', /^[a-z][a-z0-9._-]{0,30}$/, 'lower-case letters, digits, ".", "_" and "-"'),
    version: top.text(
      'version',
      /^\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?$/,
      'a version such as "1.2.3" or "1.2.3-rc.1"',
    ),
    hostname: top.text('hostname', /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/, 'a host name without dots'),
    sizes: {
      esp: partition('esp'),
      slot: partition('slot'),
      oem: partition('oem'),
      state: partition('state'),
    },
    erofs: {
      compressor: compressorIn(erofs),
      clusterSize: erofs.size('clusterSize'),
      features: erofs.texts('features', { optional: true }),
      special: erofs.objects('special').map(special => {
        const rule = {
          why: special.text('why', /\S/, 'a sentence'),
          compressor: compressorIn(special),
          files: special.texts('files'),
        }
        special.end()
        return rule
      }),
    },
  }
  checkErofs(recipe, file)
  sizes.end()
  erofs.end()
  top.end()
  return recipe
}

function compressorIn(object: StrictObject): string {
  const known = /^(zstd|lz4|lz4hc|lzma)(,level=\d{1,3})?$/
  return object.text('compressor', known, 'zstd, lzma, lz4 or lz4hc, with ",level=N"')
}

/** How many compressors one file system can have. */
const COMPRESSORS_MAX = 4

function checkErofs({ erofs }: Recipe, file: string): void {
  const { clusterSize, features, special } = erofs
  if (!Number.isInteger(Math.log2(clusterSize)) || clusterSize < 4096 || clusterSize > MIB)
    throw new UserError(`${file}: "erofs.clusterSize" must be a power of two from "4 KiB" to "1024 KiB"`)
  if (special.length >= COMPRESSORS_MAX)
    throw new UserError(`${file}: "erofs.special" may have ${COMPRESSORS_MAX - 1} rules`)
  for (const feature of features)
    if (!/^\^?[a-z0-9-]+(=\d+)?$/.test(feature))
      throw new UserError(
        `${file}: "erofs.features": "${feature}" is not a feature name as mkfs.erofs -E takes it`,
      )
}
