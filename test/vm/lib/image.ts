import { resolve } from 'node:path'
import { silent } from '#lib/progress.ts'
import { Cache } from '../../../build/cache/cache.ts'
import { findMirrors } from '../../../build/deb/host/apt.ts'
import { readLock } from '../../../build/deb/host/repository.ts'
import { type BuildResult, buildImage } from '../../../build/image.ts'
import { Tools } from '../../../build/tools/tools.ts'
import type { MachineHost } from '../../../build/vm/machine.ts'
import { choosePrograms } from '../../../build/vm/programs.ts'
import { busyboxRegistry } from '../../../build/vm/registry/busybox.ts'

/** The repository. */
export const ROOT = resolve(import.meta.dirname, '../../..')

/** What every test of machines needs. */
export interface Laboratory {
  cache: Cache
  tools: Tools
  host: MachineHost
  /** Folder of a registry with busybox. */
  registry: string
}

/** Opens the tools; fetches and makes what is missing. */
export async function openLaboratory(): Promise<Laboratory> {
  const cache = await Cache.open()
  const lock = await readLock(ROOT)
  const tools = await Tools.open(lock, { cache, mirrors: findMirrors, progress: silent })
  const host = { programs: choosePrograms(tools, process.env), cacheFolder: cache.root }
  return { cache, tools, host, registry: await busyboxRegistry(tools, cache) }
}

/**
 * The image of this checkout, built when it is not there yet; `bothSlots` gives one whose slot b holds the same
 * system, so that there is something to fall back to.
 */
export async function testImage(
  options: { bothSlots?: boolean; formats?: ('qcow2' | 'vmdk')[] } = {},
): Promise<BuildResult> {
  return await buildImage({
    root: ROOT,
    out: process.env.ORLOP_OUT || resolve(ROOT, 'out'),
    cache: await Cache.open(),
    progress: silent,
    ...options,
  })
}
