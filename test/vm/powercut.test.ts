import { copyFile, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { withDisk } from '../../build/disk/read.ts'
import { ToolError } from '../../build/tools/tools.ts'
import { BLOCK_BYTES } from '../../update-engine/slots/grubenv.ts'
import { bootCuts, bootOnce, chooseBoots } from '../powercut/boots.ts'
import { examineDisk, readOriginal } from '../powercut/examine.ts'
import { type ProofOptions, provePowerCuts, type Tried } from '../powercut/proof.ts'
import { recordFirstBoots } from '../powercut/record.ts'
import { Replay } from '../powercut/replay.ts'
import { partitionOf } from '../powercut/tables.ts'
import { tearUnmount } from '../powercut/torn.ts'
import { FILE_TIMEOUT_MS } from './lib/guest.ts'
import { openLaboratory, testImage } from './lib/image.ts'

// Cuts the power at every flush point of a first boot (which grows STATE and ends in the first mark-good), of a
// restart, of the next mark-good and of a shutdown. Each disk is examined offline; some are booted. A failure names
// its cut; ORLOP_SEED repeats the choice of partial cuts, ORLOP_POWERCUT_BOOTS boots more of them (`all`: every one).

/** Few on purpose: every flush point is examined, and a boot takes half a minute and more. */
const BOOTS = 1
const FLUSHES_MIN = 60
/** What a machine that was cut off must be after its next boot. */
const healthy = { slot: 'a', system: 'running', failedUnits: '', stateLost: false }

t.setTimeout(FILE_TIMEOUT_MS)
const seed = Number(process.env.ORLOP_SEED ?? 20260101)
const lab = await openLaboratory()
const image = (await testImage()).images.raw
const original = await readOriginal(image, lab.tools)
const work = await mkdtemp(join(tmpdir(), 'orlop-powercut-'))
t.teardown(() => rm(work, { recursive: true, force: true }))
const { tools } = lab

t.test('the examination finds what is broken', async t => {
  const { size } = await withDisk(image, tools, async disk => await disk.file.stat())
  const log = { file: await open(image), sectorSize: 512, entries: [] }
  const replay = await Replay.begin(image, size, log, join(work, 'planted-base.raw'))
  const files = { disk: join(work, 'planted.raw'), state: join(work, 'planted.state') }
  const { offset } = partitionOf(original.gpt, 'STATE')
  const esp = partitionOf(original.gpt, 'ESP')
  const examine = async (damage: (disk: Bytes, state: Bytes) => Promise<unknown>) => {
    const cut = { name: 'planted', durable: 0, landed: [] }
    await replay.make(cut, files.disk)
    await replay.make(cut, files.state, { offset, size: size - offset })
    const [disk, state] = [await open(files.disk, 'r+'), await open(files.state, 'r+')]
    await damage(
      (at, bytes) => disk.write(bytes, 0, bytes.length, at),
      (at, bytes) => state.write(bytes, 0, bytes.length, at),
    )
    await Promise.all([disk.close(), state.close()])
    return (await examineDisk(files, original, { esp: true, state: true }, tools)).problems.join('; ')
  }
  const at = await findOnEsp(esp)
  const zeros = Buffer.alloc(4096)

  t.equal(await examine(async () => undefined), '', 'nothing is wrong with the image itself')
  const tablesOff = async (disk: Bytes) => {
    await disk(512, Buffer.alloc(512))
    await disk(size - 512, Buffer.alloc(512))
  }
  t.match(await examine(tablesOff), /no partition table/)
  t.match(await examine(async disk => disk(at.grubenv, Buffer.from('torn'))), /grubenv: .*header is missing/)
  t.match(await examine(async disk => disk(at.tries, Buffer.from('9'))), /a_tries must be 0 to 3/)
  t.match(await examine(async disk => disk(at.tries, Buffer.from('0'))), /no tries left/)
  t.match(await examine(async disk => disk(at.vmlinuz + 1_000_000, zeros)), /a\/vmlinuz has other bytes/)
  const superblock = async (disk: Bytes, state: Bytes) => {
    await disk(offset + 1024, zeros)
    await state(1024, zeros)
  }
  t.match(await examine(superblock), /STATE holds no file system/)
  // Block 1 has the group descriptors, and e2fsck -p alone does not dare to use their copies.
  t.match(await examine(async (_disk, state) => state(4096, Buffer.alloc(4096, 0xff))), /e2fsck/)
  await replay.close()
  await log.file.close()
})

t.test('a superblock torn at unmount costs no state', async t => {
  const { size } = await withDisk(image, tools, async disk => await disk.file.stat())
  const log = { file: await open(image), sectorSize: 512, entries: [] }
  const replay = await Replay.begin(image, size, log, join(work, 'torn-base.raw'))
  const files = { disk: join(work, 'torn.raw'), state: join(work, 'torn.state') }
  const { offset } = partitionOf(original.gpt, 'STATE')
  const cut = { name: 'torn', durable: 0, landed: [] }
  await replay.make(cut, files.disk)
  await replay.make(cut, files.state, { offset, size: size - offset })
  await tearUnmount(tools, files.state)
  await copyInto(files.state, files.disk, offset, partitionOf(original.gpt, 'STATE').size)

  // The fault is the one that is meant: one round is not enough.
  const once = join(work, 'torn.once')
  await copyFile(files.state, once)
  const statusOf = (error: unknown) => (error instanceof ToolError ? error.status : undefined)
  const status = await tools.run('e2fsck', ['-f', '-y', once]).then(() => 0, statusOf)
  t.equal(status, 12)
  await rm(once)

  const { problems } = await examineDisk(files, original, { esp: true, state: true }, tools)
  t.same(problems, [])
  const { slot, system, failedUnits, stateLost } = await bootOnce(
    cut,
    join(work, 'boot-torn'),
    files.disk,
    lab.host,
  )
  t.same({ slot, system, failedUnits, stateLost }, healthy)
  await replay.close()
  await log.file.close()
})

const recording = await record(t)
if (recording) await proveAndBoot(recording)

async function record(t: Test) {
  let made: Awaited<ReturnType<typeof recordFirstBoots>> | undefined
  await t.test('two boots and a shutdown are recorded', async t => {
    made = await recordFirstBoots(image, join(work, 'machine'), lab.host, line => t.comment(line))
    t.same(
      made.phases.map(phase => phase.name),
      ['first boot', 'settled', 'second boot', 'shutdown'],
    )
  })
  return made
}

async function proveAndBoot({ log, size }: { log: string; size: number }): Promise<void> {
  const options: ProofOptions = {
    ...{ base: image, original, log, size, work, tools, seed },
    partialFlushes: 40,
    partialCuts: { state: 1, critical: 8 },
  }
  let tried: Tried[] = []
  await t.test(`every cut leaves a disk that boots (seed ${seed})`, async t => {
    const proof = await provePowerCuts({ ...options, note: line => t.comment(line) })
    tried = proof.tried
    for (const { cut, seen } of tried) {
      t.same(seen.problems, [], cut.name)
    }
    // The faults have fired: there were many flush points, and they left different disks.
    t.ok(proof.flushes >= FLUSHES_MIN, `${proof.flushes} flush points, ${tried.length} cuts`)
    const seen = (text: string) =>
      tried.some(one => one.seen.slots !== undefined && JSON.stringify(one.seen.slots.a) === text)
    t.ok(seen('{"tries":3,"good":false}'), 'a cut before GRUB stored the tries')
    t.ok(seen('{"tries":2,"good":false}'), 'a cut before the first mark-good')
    t.ok(seen('{"tries":3,"good":true}'), 'a cut after mark-good')
    t.ok(seen('{"tries":2,"good":true}'), 'a cut in a later boot before its mark-good')
    const sizes = tried.map(one => [one.seen.fileSystemBytes ?? 0, one.seen.partitionBytes ?? 0] as const)
    t.ok(new Set(sizes.map(([, partition]) => partition)).size > 1, 'cuts before and after the table grew')
    t.ok(
      sizes.some(([fileSystem, partition]) => fileSystem < partition / 2),
      'a cut while STATE was growing',
    )
    t.ok(
      tried.some(one => one.seen.table === 'backup'),
      'a cut that tore the primary partition table',
    )
    t.equal(proof.rootWrites, 0, 'nobody ever wrote to a root partition')
  })

  await t.test('machines boot from such disks', async t => {
    const wanted = process.env.ORLOP_POWERCUT_BOOTS ?? String(BOOTS)
    const cuts = chooseBoots(tried, wanted === 'all' ? tried.length : Number(wanted), seed)
    const booted = await bootCuts(cuts, { base: image, log, size, work, host: lab.host }, line =>
      t.comment(line),
    )
    t.ok(booted.length > 0)
    for (const { cut, slot, system, failedUnits, stateLost, stateMiB } of booted) {
      t.same({ slot, system, failedUnits, stateLost }, healthy, cut.name)
      t.ok(stateMiB > 1024, `STATE has grown: ${stateMiB} MiB`)
    }
  })
}

/** Puts the first bytes of a file at an offset of another; both are sparse, so only what is not zero is written. */
async function copyInto(from: string, to: string, offset: number, length: number): Promise<void> {
  const [source, target] = [await open(from), await open(to, 'r+')]
  const bytes = Buffer.alloc(1 << 20)
  for (let at = 0; at < length; at += bytes.length) {
    const { bytesRead } = await source.read(bytes, 0, Math.min(bytes.length, length - at), at)
    const piece = bytes.subarray(0, bytesRead)
    if (piece.some(byte => byte !== 0)) await target.write(piece, 0, piece.length, offset + at)
  }
  await Promise.all([source.close(), target.close()])
}

type Bytes = (at: number, bytes: Uint8Array) => Promise<unknown>

/** Where things are in the image: of the environment block and of the kernel, the sectors on the ESP. */
async function findOnEsp(esp: { offset: number; size: number }) {
  const file = await open(image)
  try {
    const bytes = Buffer.alloc(esp.size)
    await file.read(bytes, 0, bytes.length, esp.offset)
    const block = bytes.indexOf('# GRUB Environment Block\n')
    const tries = bytes.indexOf('a_tries=', block) + 'a_tries='.length
    const kernel = findKernel(bytes)
    t.ok(block > 0 && tries - block < BLOCK_BYTES && kernel > 0, 'the places to damage were found')
    return { grubenv: esp.offset + block, tries: esp.offset + tries, vmlinuz: esp.offset + kernel }
  } finally {
    await file.close()
  }
}

/** A kernel begins at a sector and has these two marks (kernel: Documentation/arch/x86/boot.rst). */
function findKernel(bytes: Buffer): number {
  for (let at = bytes.indexOf('HdrS'); at >= 0; at = bytes.indexOf('HdrS', at + 1)) {
    const start = at - 0x202
    if (start % 512 === 0 && bytes.readUInt16LE(start + 0x1fe) === 0xaa55) return start
  }
  return -1
}
