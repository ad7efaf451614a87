import { existsSync } from 'node:fs'
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { syncDirectory } from '#lib/durable.ts'

/**
 * Makes a large file so that its final name never shows a part of it: `make` works on a path beside it, which is
 * renamed when it is complete and on the disk. What a killed run left behind is removed by the next one.
 */
export async function writeOutput(path: string, make: (partial: string) => Promise<void>): Promise<void> {
  const folder = dirname(path)
  await mkdir(folder, { recursive: true })
  const prefix = `.${basename(path)}.partial-`
  await sweep(folder, prefix)
  const partial = join(folder, `${prefix}${process.pid}`)
  try {
    await make(partial)
    const file = await open(partial, 'r')
    try {
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(partial, path)
  } finally {
    await rm(partial, { force: true })
  }
  await syncDirectory(folder)
}

async function sweep(folder: string, prefix: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(prefix)) continue
    const pid = Number(name.slice(prefix.length))
    if (pid !== process.pid && existsSync(`/proc/${pid}`)) continue
    await rm(join(folder, name), { force: true })
  }
}
