import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'

/**
 * The Merkle tree of dm-verity, format 1 without superblock (kernel: Documentation/admin-guide/device-mapper/
 * verity.rst): blocks of 4096 bytes, SHA-256 of salt then block, 128 hashes to a hash block, levels stored from the
 * root down. Computed here rather than by a tool because slots are also checked offline, on disks of any origin.
 */

/** Bytes of a data block and of a hash block. */
export const VERITY_BLOCK = 4096
const DIGEST_BYTES = 32
const HASHES_PER_BLOCK = VERITY_BLOCK / DIGEST_BYTES
/** How much is read from the data at once. */
const READ_BYTES = 4 << 20

/** What the kernel needs to check a root file system; each part is on the kernel command line. */
export interface VerityParameters {
  /** 64 hex digits. */
  rootHash: string
  /** 64 hex digits. */
  salt: string
  /** Blocks of data; the tree starts right behind them. */
  dataBlocks: number
}

/** Levels of hashes over `dataBlocks` blocks, from the leaves up, each in hash blocks; none over a single block. */
function levelSizes(dataBlocks: number): number[] {
  const sizes: number[] = []
  for (let count = dataBlocks; count > 1; ) {
    count = Math.ceil(count / HASHES_PER_BLOCK)
    sizes.push(count)
  }
  return sizes
}

/** Bytes of the tree over that many blocks of data. */
export function treeBytes(dataBlocks: number): number {
  return levelSizes(dataBlocks).reduce((sum, size) => sum + size, 0) * VERITY_BLOCK
}

/** Collects blocks in order and yields the tree. */
export class VerityHasher {
  readonly #salt: Buffer
  readonly #digests: Buffer[] = []

  constructor(saltHex: string) {
    this.#salt = Buffer.from(saltHex, 'hex')
    if (this.#salt.length * 2 !== saltHex.length) throw new Error('the salt is not hexadecimal')
  }

  /** Adds data; its length must be a multiple of the block size. */
  update(bytes: Uint8Array): void {
    if (bytes.length % VERITY_BLOCK !== 0)
      throw new Error(`${bytes.length} bytes are not whole verity blocks`)
    for (let at = 0; at < bytes.length; at += VERITY_BLOCK) {
      this.#digests.push(this.#hash(bytes.subarray(at, at + VERITY_BLOCK)))
    }
  }

  /** The tree as stored behind the data, and its root. */
  finish(): { tree: Buffer; rootHash: string; dataBlocks: number } {
    const dataBlocks = this.#digests.length
    if (dataBlocks === 0) throw new Error('no data to verify')
    const levels: Buffer[] = []
    let digests = this.#digests
    while (digests.length > 1) {
      const level = Buffer.alloc(Math.ceil(digests.length / HASHES_PER_BLOCK) * VERITY_BLOCK)
      for (const [index, digest] of digests.entries()) digest.copy(level, index * DIGEST_BYTES)
      levels.unshift(level)
      digests = []
      for (let at = 0; at < level.length; at += VERITY_BLOCK)
        digests.push(this.#hash(level.subarray(at, at + VERITY_BLOCK)))
    }
    const tree = Buffer.concat(levels)
    if (tree.length !== treeBytes(dataBlocks)) throw new Error('the tree does not have its computed size')
    return { tree, rootHash: digests[0]!.toString('hex'), dataBlocks }
  }

  #hash(block: Uint8Array): Buffer {
    return createHash('sha256').update(this.#salt).update(block).digest()
  }
}

/** Hashes `bytes` of a file from `offset` on. */
export async function hashRange(file: FileHandle, range: { offset: number; bytes: number }, salt: string) {
  const hasher = new VerityHasher(salt)
  const buffer = Buffer.alloc(READ_BYTES)
  for (let done = 0; done < range.bytes; ) {
    const wanted = Math.min(buffer.length, range.bytes - done)
    await readFully(file, buffer.subarray(0, wanted), range.offset + done)
    hasher.update(buffer.subarray(0, wanted))
    done += wanted
  }
  return hasher.finish()
}

/** Checks data and stored tree against the root hash. Returns what is wrong, or undefined. */
export async function verifyRange(
  file: FileHandle,
  offset: number,
  parameters: VerityParameters,
): Promise<string | undefined> {
  const bytes = parameters.dataBlocks * VERITY_BLOCK
  const { tree, rootHash } = await hashRange(file, { offset, bytes }, parameters.salt)
  if (rootHash !== parameters.rootHash) return `the data hashes to ${rootHash}, not to ${parameters.rootHash}`
  const stored = Buffer.alloc(tree.length)
  await readFully(file, stored, offset + bytes)
  for (let at = 0; at < tree.length; at += VERITY_BLOCK) {
    if (Buffer.compare(tree.subarray(at, at + VERITY_BLOCK), stored.subarray(at, at + VERITY_BLOCK)) !== 0) {
      return `hash block ${at / VERITY_BLOCK} of the tree is wrong`
    }
  }
  return undefined
}

async function readFully(file: FileHandle, buffer: Buffer, position: number): Promise<void> {
  for (let done = 0; done < buffer.length; ) {
    const { bytesRead } = await file.read(buffer, done, buffer.length - done, position + done)
    if (bytesRead === 0)
      throw new Error(`the file ends at ${position + done}, ${buffer.length - done} bytes too early`)
    done += bytesRead
  }
}
