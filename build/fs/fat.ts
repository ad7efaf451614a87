import { mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SECTOR } from '../disk/gpt.ts'
import { readContent } from '../rootfs/content.ts'
import type { Content } from '../rootfs/entry.ts'
import type { ToolRunner } from './runner.ts'

/** A FAT32 file system inside a disk image, and what is in it. */
export interface FatRequest {
  image: string
  /** Bytes. */
  offset: number
  size: number
  label: string
  /** Eight hex digits. */
  serial: string
  /** Seconds since the epoch: of every file and folder. */
  time: number
  /** Path with forward slashes → content. */
  files: Map<string, Content>
}

/** Two sectors in a cluster: FAT32 wants more than 65525 clusters, which larger ones would not give on 128 MiB. */
const SECTORS_PER_CLUSTER = 2

/** Makes the file system and copies the files, in the order given: the same request gives the same bytes. */
export async function makeFat(tools: ToolRunner, request: FatRequest): Promise<void> {
  const drive = `${request.image}@@${request.offset}`
  const env = { SOURCE_DATE_EPOCH: String(request.time), MTOOLS_SKIP_CHECK: '1' }
  const geometry = [
    '-T',
    String(request.size / SECTOR),
    '-h',
    '64',
    '-s',
    '32',
    '-H',
    String(request.offset / SECTOR),
  ]
  const format = ['-F', '-c', String(SECTORS_PER_CLUSTER), '-v', request.label, '-N', request.serial]
  await tools.run('mformat', ['-i', drive, ...format, ...geometry, '::'], { env })
  const work = await mkdtemp(join(tmpdir(), 'orlop-fat-'))
  try {
    const made = new Set<string>()
    for (const [path, content] of request.files) {
      await makeFolders(tools, { drive, env, path, made })
      // A copy with the wanted time, which mcopy -m takes over.
      const copy = join(work, 'file')
      await writeFile(copy, readContent(content))
      await utimes(copy, request.time, request.time)
      await tools.run('mcopy', ['-i', drive, '-m', copy, `::/${path}`], { env })
    }
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function makeFolders(
  tools: ToolRunner,
  at: { drive: string; env: Record<string, string>; path: string; made: Set<string> },
): Promise<void> {
  for (let end = at.path.indexOf('/'); end >= 0; end = at.path.indexOf('/', end + 1)) {
    const folder = at.path.slice(0, end)
    if (at.made.has(folder)) continue
    await tools.run('mmd', ['-i', at.drive, `::/${folder}`], { env: at.env })
    at.made.add(folder)
  }
}

/** The bytes of a file in the file system at `offset` of a disk image. Throws when it is not there. */
export async function readFatFile(
  tools: ToolRunner,
  image: string,
  offset: number,
  path: string,
): Promise<Buffer> {
  const work = await mkdtemp(join(tmpdir(), 'orlop-fat-'))
  try {
    const copy = join(work, 'file')
    await tools.run('mcopy', ['-i', `${image}@@${offset}`, '-n', `::/${path}`, copy], {
      env: { MTOOLS_SKIP_CHECK: '1' },
    })
    return await readFile(copy)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}
