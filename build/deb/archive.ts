import { createReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { extract, type Header } from 'tar-stream'
import { AR_HEADER_BYTES, AR_MAGIC, type ArMember, parseArHeader } from './ar.ts'
import { type Compression, decompress } from './compression.ts'

/** The parts of a .deb (deb(5)). */
export interface DebMembers {
  control: ArMember & { compression: Compression }
  data: ArMember & { compression: Compression }
}

const MEMBERS_MAX = 16

/**
 * Finds the parts of a .deb.
 *
 * @throws SyntaxError telling what is wrong with it
 */
export async function openDeb(path: string): Promise<DebMembers> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    if ((await read(file, 0, AR_MAGIC.length)).toString('latin1') !== AR_MAGIC)
      throw new SyntaxError('it is no ar archive')
    const members: ArMember[] = []
    // Content is padded to an even length.
    for (let offset = AR_MAGIC.length; offset < size && members.length < MEMBERS_MAX; ) {
      const member = parseArHeader(await read(file, offset, AR_HEADER_BYTES), offset, size)
      members.push(member)
      offset = member.offset + member.size + (member.size % 2)
    }
    const first = members[0]
    if (first?.name !== 'debian-binary') throw new SyntaxError('it does not start with debian-binary')
    const version = (await read(file, first.offset, first.size)).toString('latin1')
    if (!version.startsWith('2.')) throw new SyntaxError(`its format is ${version.trim()}, not 2.0`)
    return { control: tarMember(members, 'control.tar'), data: tarMember(members, 'data.tar') }
  } finally {
    await file.close()
  }
}

/**
 * Reads a tar archive within a .deb and hands each entry to `visit` with its content.
 *
 * @throws whatever reading, decompressing or `visit` throws
 */
export async function walkTar(
  path: string,
  member: ArMember & { compression: Compression },
  visit: (header: Header, content: Buffer) => void,
): Promise<void> {
  const source = createReadStream(path, {
    start: member.offset,
    end: member.offset + member.size - 1,
    highWaterMark: 1 << 18,
  })
  const tar = extract()
  tar.on('entry', async (header, content, next) => {
    try {
      const chunks: Uint8Array[] = []
      for await (const chunk of content) chunks.push(chunk as Uint8Array)
      visit(header, Buffer.concat(chunks))
      next()
    } catch (error) {
      next(error as Error)
    }
  })
  await pipeline(decompress(source, member.compression), tar)
}

function tarMember(members: ArMember[], stem: string): ArMember & { compression: Compression } {
  const found = members.filter(member => member.name === stem || member.name.startsWith(`${stem}.`))
  if (found.length !== 1) throw new SyntaxError(`it has ${found.length} members ${stem}`)
  const ending = found[0]!.name.slice(stem.length + 1) || 'none'
  if (ending !== 'none' && ending !== 'gz' && ending !== 'xz' && ending !== 'zst') {
    throw new SyntaxError(`compression of ${found[0]!.name} is not known`)
  }
  return { ...found[0]!, compression: ending }
}

async function read(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, position)
  return buffer.subarray(0, bytesRead)
}
