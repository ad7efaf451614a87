import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { lstat, mkdtemp, readdir, readlink, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { UserError } from '#lib/errors.ts'
import type { ToolRunner } from '../fs/runner.ts'
import { readExactly } from '../fs/sparse.ts'
import { type DiskInfo, inspectDisk } from './inspect.ts'
import { type OpenDisk, withDisk } from './read.ts'

/** How two disks differ. */
export interface DiskDiff {
  /** True when nothing differs in any byte. */
  identical: boolean
  a: DiskInfo
  b: DiskInfo
  /** Of every label on either disk. */
  partitions: {
    label: string
    change: 'same' | 'differs' | 'only in a' | 'only in b' | 'resized'
    differingBytes: number
  }[]
  /** File by file, for roots that differ and are there on both. */
  roots: RootDiff[]
}

/** How the root file systems of a slot differ. */
export interface RootDiff {
  slot: 'a' | 'b'
  files: FileChange[]
  /** Why the files could not be compared: one of the roots is damaged. */
  problem?: string
}

/** A file that is not the same in both roots; sizes in bytes, undefined where it is not. */
export interface FileChange {
  path: string
  change: 'added' | 'removed' | 'changed'
  sizeA: number | undefined
  sizeB: number | undefined
}

const CHUNK_BYTES = 4 << 20

/** Compares two images of any format. */
export async function diffDisks(pathA: string, pathB: string, tools: ToolRunner): Promise<DiskDiff> {
  const [a, b] = [await inspectDisk(pathA, tools), await inspectDisk(pathB, tools)]
  return await withDisk(pathA, tools, diskA =>
    withDisk(pathB, tools, async diskB => {
      const labels = [...new Set([...a.partitions, ...b.partitions].map(part => part.label))]
      const partitions: DiskDiff['partitions'] = []
      for (const label of labels) partitions.push(await comparePartition(diskA, diskB, label))
      const roots: DiskDiff['roots'] = []
      for (const slot of ['a', 'b'] as const) {
        const changed =
          partitions.find(part => part.label === `ROOT-${slot.toUpperCase()}`)?.change !== 'same'
        if (!changed || !a.slots[slot] || !b.slots[slot]) continue
        roots.push(await compareRoots(diskA, diskB, slot, tools))
      }
      const same = a.size === b.size && partitions.every(part => part.change === 'same')
      const identical = same && (await sameOutside(diskA, diskB, a))
      return { identical, a, b, partitions, roots }
    }),
  )
}

async function comparePartition(
  a: OpenDisk,
  b: OpenDisk,
  label: string,
): Promise<DiskDiff['partitions'][number]> {
  const has = (disk: OpenDisk) => disk.gpt.partitions.some(part => part.name === label)
  if (!has(b)) return { label, change: 'only in a', differingBytes: 0 }
  if (!has(a)) return { label, change: 'only in b', differingBytes: 0 }
  const [partA, partB] = [a.partition(label), b.partition(label)]
  const size = Math.min(partA.size, partB.size)
  const bytes = await differingBytes(a, b, { offset: partA.offset, other: partB.offset, size })
  if (partA.size !== partB.size) return { label, change: 'resized', differingBytes: bytes }
  return { label, change: bytes === 0 ? 'same' : 'differs', differingBytes: bytes }
}

/** What no partition covers: boot code and tables at the front, the gap and the backup table at the end. */
async function sameOutside(a: OpenDisk, b: OpenDisk, info: DiskInfo): Promise<boolean> {
  const front = Math.min(...info.partitions.map(part => part.offset))
  const end = Math.max(...info.partitions.map(part => part.offset + part.size))
  const ranges = [
    { offset: 0, size: front },
    { offset: end, size: info.size - end },
  ]
  for (const range of ranges) if ((await differingBytes(a, b, range)) > 0) return false
  return true
}

async function differingBytes(
  a: OpenDisk,
  b: OpenDisk,
  range: { offset: number; other?: number; size: number },
): Promise<number> {
  let count = 0
  for (let done = 0; done < range.size; done += CHUNK_BYTES) {
    const length = Math.min(CHUNK_BYTES, range.size - done)
    const left = await readExactly(a.file, range.offset + done, length)
    const right = await readExactly(b.file, (range.other ?? range.offset) + done, length)
    if (left.equals(right)) continue
    for (let at = 0; at < length; at++) if (left[at] !== right[at]) count++
  }
  return count
}

async function compareRoots(a: OpenDisk, b: OpenDisk, slot: 'a' | 'b', tools: ToolRunner): Promise<RootDiff> {
  const label = `ROOT-${slot.toUpperCase()}`
  const work = await mkdtemp(join(tmpdir(), 'orlop-diff-'))
  try {
    const lists: Map<string, FileSummary>[] = []
    for (const [name, disk] of [
      ['a', a],
      ['b', b],
    ] as const) {
      const folder = join(work, name)
      const args = [
        `--extract=${folder}`,
        '--no-preserve',
        `--offset=${disk.partition(label).offset}`,
        disk.raw,
      ]
      await tools.run('fsck.erofs', args)
      lists.push(await summarize(folder))
      await rm(folder, { recursive: true, force: true })
    }
    return { slot, files: compareLists(lists[0]!, lists[1]!) }
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    return { slot, files: [], problem: error.message }
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** A file in few words: equal words, equal file. */
export interface FileSummary {
  size: number
  words: string
}

/** The differences of two lists, sorted by path. Pure. */
export function compareLists(a: Map<string, FileSummary>, b: Map<string, FileSummary>): FileChange[] {
  const changes: FileChange[] = []
  for (const path of [...new Set([...a.keys(), ...b.keys()])].sort()) {
    const [left, right] = [a.get(path), b.get(path)]
    if (left && right && left.words === right.words) continue
    const change = !left ? 'added' : !right ? 'removed' : 'changed'
    changes.push({ path, change, sizeA: left?.size, sizeB: right?.size })
  }
  return changes
}

async function summarize(root: string): Promise<Map<string, FileSummary>> {
  const found = new Map<string, FileSummary>()
  for (const item of await readdir(root, { withFileTypes: true, recursive: true })) {
    const full = join(item.parentPath, item.name)
    const path = full.slice(root.length + 1)
    if (item.isSymbolicLink()) found.set(path, { size: 0, words: `link ${await readlink(full)}` })
    else if (item.isDirectory()) found.set(path, { size: 0, words: 'folder' })
    else if (item.isFile()) found.set(path, { size: (await lstat(full)).size, words: await hashFile(full) })
  }
  return found
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}
