import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { type Header, pack } from 'tar-stream'
import { AR_MAGIC } from '../ar.ts'
import type { LockedPackage } from '../lock.ts'
import { storeXz } from './xz.ts'

/** An entry for a tar archive; content only for files. */
export type TarItem = Partial<Header> & { name: string; content?: string | Uint8Array }

/** A tar archive in memory. */
export async function makeTar(items: TarItem[]): Promise<Buffer> {
  const tar = pack()
  for (const { content, ...header } of items) {
    if (content === undefined) tar.entry({ mtime: new Date(1_700_000_000_000), ...header }, '')
    else tar.entry({ mtime: new Date(1_700_000_000_000), ...header }, Buffer.from(content as Uint8Array))
  }
  tar.finalize()
  return await buffer(tar as unknown as Readable)
}

/** An ar archive in memory. */
export function makeAr(members: { name: string; content: Uint8Array }[]): Buffer {
  const parts: Buffer[] = [Buffer.from(AR_MAGIC)]
  for (const { name, content } of members) {
    const header =
      name.padEnd(16) +
      '0'.padEnd(12) +
      '0'.padEnd(6) +
      '0'.padEnd(6) +
      '100644'.padEnd(8) +
      `${content.length}`.padEnd(10)
    parts.push(Buffer.from(`${header}\`\n`), Buffer.from(content))
    if (content.length % 2 === 1) parts.push(Buffer.from('\n'))
  }
  return Buffer.concat(parts)
}

/** What a made package is to be. */
export interface DebRecipe {
  name: string
  items: TarItem[]
  control?: string
  conffiles?: string
  compression?: 'none' | 'gz' | 'xz' | 'zst'
}

/** A .deb in memory. */
export async function makeDeb(recipe: DebRecipe): Promise<Buffer> {
  const compression = recipe.compression ?? 'xz'
  const ending = compression === 'none' ? '' : `.${compression}`
  const control = await makeTar([
    {
      name: './control',
      content: recipe.control ?? `Package: ${recipe.name}\nVersion: 1\nDescription: short\n long\n`,
    },
    ...(recipe.conffiles === undefined ? [] : [{ name: './conffiles', content: recipe.conffiles }]),
  ])
  return makeAr([
    { name: 'debian-binary', content: Buffer.from('2.0\n') },
    { name: `control.tar${ending}`, content: compress(control, compression) },
    { name: `data.tar${ending}`, content: compress(await makeTar(recipe.items), compression) },
  ])
}

/** The line of a lock for some bytes. */
export function lockedAs(name: string, bytes: Uint8Array): LockedPackage {
  return {
    name,
    version: '1',
    architecture: 'amd64',
    size: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    suite: 'trixie',
    path: `pool/main/${name[0]}/${name}/${name}_1_amd64.deb`,
  }
}

function compress(bytes: Buffer, compression: 'none' | 'gz' | 'xz' | 'zst'): Buffer {
  switch (compression) {
    case 'none':
      return bytes
    case 'gz':
      return gzipSync(bytes)
    case 'xz':
      return storeXz(bytes)
    case 'zst':
      return zstdCompressSync(bytes)
  }
}
