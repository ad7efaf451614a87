import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Cache } from '../../cache/cache.ts'
import type { Tools } from '../../tools/tools.ts'
import { writeRegistry } from './folder.ts'
import { busyboxImage } from './image.ts'

/** To be raised with every change of what the image is made of. */
const FORMAT = 1
/** 2024-01-01: the image changes with busybox, not with the clock. */
const EPOCH = 1_704_067_200

/** The folder of a registry that holds `library/busybox:latest`, made of the tools' busybox-static. */
export async function busyboxRegistry(tools: Tools, cache: Cache): Promise<string> {
  const busybox = await readFile(tools.path('usr/bin/busybox'))
  const key = createHash('sha256').update(`${FORMAT}\n`).update(busybox).digest('hex')
  return await cache.entry('registry', key, async path => {
    const { stdout } = await tools.run('busybox', ['--list'])
    const image = await busyboxImage(busybox, stdout.trim().split('\n'), EPOCH)
    await writeRegistry(path, { 'library/busybox:latest': image })
  })
}
