import { open } from 'node:fs/promises'
import { basename } from 'node:path'
import { UserError } from '#lib/errors.ts'
import { writeOutput } from '../fs/output.ts'
import type { ToolRunner } from '../fs/runner.ts'
import { readExactly } from '../fs/sparse.ts'
import { settleVmdk } from './vmdk.ts'

/** Forms of a disk image. raw is what all others are made of. */
export const FORMATS = ['raw', 'qcow2', 'vmdk'] as const
export type Format = (typeof FORMATS)[number]

/** What qemu-img is asked for. VMDK: the form that VirtualBox and VMware import, compressed and written once. */
const OPTIONS: Record<Exclude<Format, 'raw'>, string[]> = {
  qcow2: ['-O', 'qcow2', '-c', '-o', 'compression_type=zstd,compat=1.1'],
  vmdk: ['-O', 'vmdk', '-o', 'subformat=streamOptimized,adapter_type=lsilogic'],
}

/** In the primary GPT header, sector 1. */
const DISK_GUID_OFFSET = 512 + 56

/** The format of that name. @throws UserError naming the known ones */
export function parseFormat(name: string): Format {
  const format = FORMATS.find(known => known === name)
  if (format === undefined)
    throw new UserError(`unknown image format '${name}'`, `known formats: ${FORMATS.join(', ')}`)
  return format
}

/** Converts a raw image. Same image and tools, same bytes: -m 1 because parallel writes would change the order. */
export async function convert(
  raw: string,
  format: Exclude<Format, 'raw'>,
  out: string,
  context: { tools: ToolRunner; signal?: AbortSignal | undefined },
): Promise<void> {
  await writeOutput(out, async partial => {
    const args = ['convert', '-f', 'raw', ...OPTIONS[format], '-m', '1', raw, partial]
    await context.tools.run('qemu-img', args, { signal: context.signal })
    if (format === 'vmdk') await settleVmdk(partial, { id: await contentId(raw), name: basename(out) })
  })
}

/** Eight hex digits of the disk's GUID, which follows from its content. */
async function contentId(raw: string): Promise<string> {
  const file = await open(raw, 'r')
  try {
    return (await readExactly(file, DISK_GUID_OFFSET, 4)).toString('hex')
  } finally {
    await file.close()
  }
}

/** Tells the format of an image by its first bytes. */
export async function detectFormat(path: string): Promise<Format> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    if (size < 512) throw new UserError(`${path} is no disk image: it has ${size} bytes`)
    const magic = (await readExactly(file, 0, 4)).toString('latin1')
    if (magic === 'QFI\xfb') return 'qcow2'
    return magic === 'KDMV' ? 'vmdk' : 'raw'
  } finally {
    await file.close()
  }
}

/** Makes a raw image of any. */
export async function toRaw(
  path: string,
  format: Exclude<Format, 'raw'>,
  out: string,
  tools: ToolRunner,
): Promise<void> {
  await tools.run('qemu-img', ['convert', '-f', format, '-O', 'raw', path, out])
}
