import t from 'tap'
import { encodeGpt, type Gpt, SECTOR } from '../../build/disk/gpt.ts'
import { planLayout } from '../../build/disk/layout.ts'
import { EXT4_HEAD_BYTES, ext4Size, partitionOf, readTables, tableProblems } from './tables.ts'

const MIB = 1 << 20
const { gpt, parts, size } = planLayout({ esp: 4 * MIB, slot: 2 * MIB, oem: MIB, state: MIB }, 'tables.test')

/** A disk as systemd-repart leaves it when it has grown STATE. */
function grown(image: Gpt, sectors: number): Gpt {
  const partitions = image.partitions.map(partition =>
    partition.name === 'STATE' ? { ...partition, lastLba: sectors - 2048 - 1 } : partition,
  )
  return { ...image, sectors, partitions }
}

function diskOf(table: Gpt, bytes: number): Buffer {
  const disk = Buffer.alloc(bytes)
  const encoded = encodeGpt(table)
  disk.set(encoded.primary, SECTOR)
  disk.set(encoded.backup, bytes - encoded.backup.length)
  return disk
}

const reader = (disk: Buffer) => async (offset: number, length: number) =>
  disk.subarray(offset, offset + length)

t.test('one good copy is enough', async t => {
  const disk = diskOf(gpt, size)
  const read = async () => await readTables(reader(disk), size)
  t.match(await read(), { ok: true, used: 'primary' })
  disk.fill(0, size - SECTOR)
  t.match(await read(), { ok: true, used: 'primary' }, 'without the last sector')
  const torn = diskOf(gpt, size)
  torn[SECTOR + 40]! ^= 1
  const found = await readTables(reader(torn), size)
  t.match(found, { ok: true, used: 'backup' })
  t.same(found.ok && tableProblems(found.gpt, gpt), [])
  torn.fill(0, size - SECTOR)
  t.match(await readTables(reader(torn), size), { ok: false, problem: /checksum.*at the end: no GPT/ })
})

t.test('an image on a larger disk, before and while its table grows', async t => {
  const large = 4 * size
  const disk = Buffer.alloc(large)
  diskOf(gpt, size).copy(disk)
  t.match(
    await readTables(reader(disk), large),
    { ok: true, used: 'primary' },
    'the backup is not at the end yet',
  )
  const after = diskOf(grown(gpt, large / SECTOR), large)
  for (let written = 0; written < 33; written++) {
    const torn = Buffer.from(after)
    disk.copy(torn, (1 + written) * SECTOR, (1 + written) * SECTOR, 34 * SECTOR)
    const found = await readTables(reader(torn), large)
    if (!found.ok) t.fail(`${written} sectors of the new table: ${found.problem}`)
    else if (tableProblems(found.gpt, gpt).length > 0) t.fail(tableProblems(found.gpt, gpt).join())
  }
  t.match(await readTables(reader(after), large), { ok: true, used: 'primary' })
})

t.test('what may not change', async t => {
  const changed = (name: string, change: object): Gpt => ({
    ...gpt,
    partitions: gpt.partitions.map(partition =>
      partition.name === name ? { ...partition, ...change } : partition,
    ),
  })
  const at = (name: string) => gpt.partitions.find(partition => partition.name === name)!
  t.same(tableProblems(gpt, gpt), [])
  t.same(tableProblems(grown(gpt, (4 * size) / SECTOR), gpt), [], 'STATE may grow')
  t.match(tableProblems(changed('STATE', { lastLba: at('STATE').lastLba - 1 }), gpt), [/STATE now ends/])
  t.match(tableProblems(changed('OEM', { lastLba: at('OEM').lastLba + 1 }), gpt), [/OEM now ends/])
  t.match(tableProblems(changed('ESP', { firstLba: at('ESP').firstLba + 8 }), gpt), [/ESP moved/])
  t.match(tableProblems(changed('ESP', { type: at('OEM').type }), gpt), [/ESP changed its type/])
  t.match(tableProblems(changed('OEM', { name: 'OTHER' }), gpt), [/partitions .*OTHER.* instead of/])
  t.match(tableProblems({ ...gpt, partitions: gpt.partitions.slice(1) }, gpt), [/^partitions/])
})

t.test('places', async t => {
  t.same(partitionOf(gpt, 'ROOT-B'), parts['ROOT-B'])
  t.throws(() => partitionOf(gpt, 'HOME'), /no partition HOME/)
  const head = Buffer.alloc(EXT4_HEAD_BYTES)
  t.equal(ext4Size(head), undefined)
  head.writeUInt16LE(0xef53, 1024 + 0x38)
  head.writeUInt32LE(1000, 1024 + 4)
  head.writeUInt32LE(2, 1024 + 0x18)
  t.equal(ext4Size(head), 4_096_000)
  head.writeUInt32LE(1, 1024 + 0x150)
  t.equal(ext4Size(head), (1000 + 2 ** 32) * 4096, 'more blocks than 32 bits count')
})
