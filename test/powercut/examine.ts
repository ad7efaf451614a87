import { createHash } from 'node:crypto'
import { open, readFile, rm, truncate } from 'node:fs/promises'
import { UserError } from '#lib/errors.ts'
import type { Gpt } from '../../build/disk/gpt.ts'
import { withDisk } from '../../build/disk/read.ts'
import { readFatFile } from '../../build/fs/fat.ts'
import { readExactly } from '../../build/fs/sparse.ts'
import { ToolError, type Tools } from '../../build/tools/tools.ts'
import { chooseSlot } from '../../update-engine/slots/choice.ts'
import { decodeState } from '../../update-engine/slots/grubenv.ts'
import type { SlotState } from '../../update-engine/slots/state.ts'
import type { Stretch } from './replay.ts'
import { EXT4_HEAD_BYTES, ext4Size, partitionOf, readTables, tableProblems } from './tables.ts'

/** What a power cut must not have changed, taken from the image that was booted. */
export interface Original {
  gpt: Gpt
  /** SHA-256 of each file that boots slot a, by its path on the ESP. */
  bootFiles: Map<string, string>
}

/** What was seen on a disk after a cut. */
export interface Seen {
  problems: string[]
  /** Which copy of the partition table was used. */
  table?: 'primary' | 'backup'
  slots?: SlotState
  /** Bytes of STATE, and of the file system in it. */
  partitionBytes?: number
  fileSystemBytes?: number
}

const BOOT_FILES = ['a/slot.cfg', 'a/vmlinuz', 'a/initrd', 'grub/grub.cfg', 'EFI/BOOT/BOOTX64.EFI']
/** e2fsck: 0 clean, 1 errors corrected; anything beyond needs a person, or is worse. */
const FSCK_CORRECTED = 1
/** Of e2fsck's report. */
const FSCK_LINES_MAX = 12

/** Reads from an image what its disk must keep. */
export async function readOriginal(image: string, tools: Tools): Promise<Original> {
  return await withDisk(image, tools, async disk => {
    const { offset } = disk.partition('ESP')
    const bootFiles = new Map<string, string>()
    for (const path of BOOT_FILES) bootFiles.set(path, hash(await readFatFile(tools, disk.raw, offset, path)))
    return { gpt: disk.gpt, bootFiles }
  })
}

/** What of a disk is looked at; what did not change since it was found good is left out. */
export interface Aspects {
  esp: boolean
  state: boolean
}

/** A disk after a cut, in two files. */
export interface CutDisk {
  /** The whole disk; of STATE it needs to have the first blocks only. */
  disk: string
  /** From the start of STATE to the end of the disk: e2fsck loses its place in a file that begins elsewhere. */
  state: string
}

/**
 * Looks at a disk as the next boot will: partition table, environment block, the files of the slot that is chosen,
 * and STATE, which is repaired as the initrd does it (so its file changes).
 */
export async function examineDisk(
  files: CutDisk,
  original: Original,
  aspects: Aspects,
  tools: Tools,
): Promise<Seen> {
  const seen: Seen = { problems: [] }
  const file = await open(files.disk, 'r')
  try {
    const { size } = await file.stat()
    const tables = await readTables((offset, length) => readExactly(file, offset, length), size)
    if (!tables.ok) return { problems: [tables.problem] }
    seen.table = tables.used
    seen.problems.push(...tableProblems(tables.gpt, original.gpt))
    if (seen.problems.length > 0) return seen
    const state = partitionOf(tables.gpt, 'STATE')
    seen.partitionBytes = state.size
    seen.problems.push(...readFileSystem(await readExactly(file, state.offset, EXT4_HEAD_BYTES), seen))
    if (aspects.esp) {
      const esp = partitionOf(tables.gpt, 'ESP')
      seen.problems.push(...(await examineEsp(files.disk, esp, original, tools, seen)))
    }
    if (aspects.state && seen.fileSystemBytes !== undefined) {
      await truncate(files.state, state.size)
      seen.problems.push(...(await repairState(files.state, tools)))
    }
  } finally {
    await file.close()
  }
  return seen
}

function readFileSystem(head: Uint8Array, seen: Seen): string[] {
  const found = ext4Size(head)
  if (found === undefined) return ['STATE holds no file system']
  seen.fileSystemBytes = found
  if (found <= seen.partitionBytes!) return []
  return [`the file system on STATE has ${found} bytes, its partition ${seen.partitionBytes}`]
}

async function examineEsp(
  path: string,
  esp: Stretch,
  original: Original,
  tools: Tools,
  seen: Seen,
): Promise<string[]> {
  try {
    seen.slots = decodeState(await readFatFile(tools, path, esp.offset, 'grub/grubenv'))
  } catch (error) {
    if (error instanceof UserError) return [`grub/grubenv: ${error.message}`]
    throw error
  }
  const { slot, lastResort } = chooseSlot(seen.slots)
  const problems: string[] = []
  if (slot !== 'a') problems.push(`slot ${slot} would be booted, which is empty`)
  if (lastResort) problems.push('slot a has no tries left')
  for (const [name, expected] of original.bootFiles) {
    const bytes = await readFatFile(tools, path, esp.offset, name).catch(error => {
      if (error instanceof UserError) return undefined
      throw error
    })
    if (bytes === undefined) problems.push(`${name} cannot be read`)
    else if (hash(bytes) !== expected) problems.push(`${name} has other bytes`)
  }
  return problems
}

/** The superblock has two sectors; a cut between them leaves one that does not match its checksum. */
const TORN_SUPERBLOCK = 'superblock could not be read'
/** Of `e2fsck -f -y`, as in the initrd's FSCK_ROUNDS. */
const FSCK_ROUNDS = 3

/**
 * As the initrd does it: `e2fsck -p`, which must suffice but for a torn superblock: for that, `e2fsck -f -y` takes the
 * copy. After it has replayed the journal it may stumble over the torn one again and end with 12, which is why it
 * gets another round. What they leave must be in perfect order.
 */
async function repairState(path: string, tools: Tools): Promise<string[]> {
  const rounds = [await fsck(tools, ['-p', path], `${path}.fsck`)]
  const { text } = rounds[0]!
  const torn = text.includes(TORN_SUPERBLOCK) && !text.includes('Group descriptors')
  while (torn && rounds.at(-1)!.status > FSCK_CORRECTED && rounds.length <= FSCK_ROUNDS)
    rounds.push(await fsck(tools, ['-f', '-y', path], `${path}.fsck`))
  const history = rounds.map(round => `e2fsck ended with ${round.status}: ${round.text}`)
  if (rounds.at(-1)!.status > FSCK_CORRECTED) return history
  const check = await fsck(tools, ['-f', '-n', path], `${path}.fsck`)
  if (check.status === 0) return []
  return [...history, `then e2fsck -f -n ended with ${check.status}: ${check.text}`]
}

/** What e2fsck finds goes to its stdout, which a failed tool's error does not have: hence the file. */
async function fsck(tools: Tools, args: string[], report: string): Promise<{ status: number; text: string }> {
  let status = 0
  let errors = ''
  try {
    await tools.run('e2fsck', args, { stdout: { path: report } })
  } catch (error) {
    if (!(error instanceof ToolError) || error.status === undefined) throw error
    status = error.status
    errors = error.stderr
  }
  const text = `${await readFile(report, 'utf8')}${errors}`
    .trim()
    .split('\n')
    .slice(0, FSCK_LINES_MAX)
    .join('; ')
  await rm(report)
  return { status, text }
}

function hash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
