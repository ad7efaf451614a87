import type { ToolRunner } from './runner.ts'

/** An empty ext4 file system inside a disk image. */
export interface Ext4Request {
  /** The image; it must reach beyond the end of the file system already. */
  image: string
  /** Bytes. */
  offset: number
  size: number
  label: string
  uuid: string
  /** Seed of directory hashes, a UUID. */
  hashSeed: string
  /** Seconds since the epoch: when it was made. */
  time: number
  /** MiB of journal. */
  journal: number
}

/**
 * Block and inode sizes are given because mke2fs would choose those of a small disk, and STATE grows to any size.
 * No blocks are reserved: who fills the disk here is root in a container, whom a reserve does not stop.
 * No orphan file: when the old one was destroyed, e2fsck 1.47.2 makes one that the kernel refuses to mount.
 * The inode tables and the journal stay unwritten until the kernel uses them: the image stays sparse.
 */
export async function makeExt4(tools: ToolRunner, request: Ext4Request): Promise<void> {
  const extended = [
    `offset=${request.offset}`,
    `hash_seed=${request.hashSeed.toLowerCase()}`,
    'root_owner=0:0',
    'lazy_itable_init=1',
    'lazy_journal_init=1',
    'nodiscard',
  ]
  const args = [
    '-q',
    '-F',
    '-t',
    'ext4',
    '-b',
    '4096',
    '-I',
    '256',
    '-i',
    '16384',
    '-m',
    '0',
    '-e',
    'remount-ro',
    '-O',
    '^orphan_file',
  ]
  args.push('-J', `size=${request.journal}`, '-L', request.label, '-U', request.uuid.toLowerCase())
  args.push('-E', extended.join(','), request.image, `${request.size / 1024}k`)
  await tools.run('mke2fs', args, { env: { E2FSPROGS_FAKE_TIME: String(request.time) } })
}
