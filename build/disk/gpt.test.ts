import t from 'tap'
import { UserError } from '#lib/errors.ts'
import {
  bytesToGuid,
  decodeBackup,
  decodePrimary,
  encodeGpt,
  FIRST_USABLE,
  type Gpt,
  guidToBytes,
  reconcileGpt,
  SECTOR,
} from './gpt.ts'

const SECTORS = 8192
const gpt = (): Gpt => ({
  diskUuid: '5B0B2F4A-0000-4000-8000-000000000001',
  sectors: SECTORS,
  partitions: [
    {
      type: 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B',
      uuid: '5B0B2F4A-0000-4000-8000-000000000012',
      name: 'ESP',
      firstLba: 2048,
      lastLba: 4095,
      attributes: 4n,
    },
    {
      type: '0FC63DAF-8483-4772-8E79-3D69D8477DE4',
      uuid: '5B0B2F4A-0000-4000-8000-000000000013',
      name: 'STATE',
      firstLba: 4096,
      lastLba: SECTORS - 34,
      attributes: 0n,
    },
  ],
})

t.test('both copies come back as written', async t => {
  const bytes = encodeGpt(gpt())
  t.same(decodePrimary(bytes.primary, SECTORS), { ok: true, gpt: gpt() })
  t.same(decodeBackup(bytes.backup, SECTORS), { ok: true, gpt: gpt() })
})

t.test('bytes where the specification has them', async t => {
  const { primary, backup, mbrTail } = encodeGpt(gpt())
  const header = Buffer.from(primary)
  t.equal(header.toString('latin1', 0, 8), 'EFI PART')
  t.equal(header.readUInt32LE(12), 92)
  t.equal(header.readBigUInt64LE(32), BigInt(SECTORS - 1))
  t.equal(header.readBigUInt64LE(40), BigInt(FIRST_USABLE))
  t.equal(header.toString('hex', SECTOR, SECTOR + 16), '28732ac11ff8d211ba4b00a0c93ec93b', 'type of the ESP')
  t.equal(header.toString('utf16le', SECTOR + 56, SECTOR + 62), 'ESP')
  t.equal(backup.length, 33 * SECTOR)
  t.same([...mbrTail.subarray(70)], [0x55, 0xaa])
  t.equal(mbrTail[6 + 4], 0xee)
})

t.test('every flipped bit of a header is noticed, and of the entries', async t => {
  const { primary } = encodeGpt(gpt())
  for (let at = 0; at < 92; at++) {
    const torn = Buffer.from(primary)
    torn[at]! ^= 1
    t.notOk(decodePrimary(torn, SECTORS).ok, `byte ${at}`)
  }
  const torn = Buffer.from(primary)
  torn[SECTOR + 32]! ^= 1
  t.match(decodePrimary(torn, SECTORS), { ok: false, problem: 'the entries do not match their checksum' })
  t.match(decodePrimary(Buffer.alloc(33 * SECTOR), SECTORS), { ok: false, problem: 'no GPT signature' })
  t.match(decodePrimary(primary.subarray(0, 5000), SECTORS), { ok: false, problem: /ends inside/ })
  t.match(decodeBackup(encodeGpt(gpt()).backup, SECTORS + 8), { ok: false, problem: /says it stands at/ })
})

t.test('one good copy is enough', async t => {
  const bytes = encodeGpt(gpt())
  const primary = decodePrimary(bytes.primary, SECTORS)
  const backup = decodeBackup(bytes.backup, SECTORS)
  const torn = decodePrimary(Buffer.alloc(33 * SECTOR), SECTORS)
  t.same(reconcileGpt(primary, backup, 'disk').warnings, [])
  t.match(reconcileGpt(torn, backup, 'disk'), { gpt: gpt(), warnings: [/^primary partition table: no GPT/] })
  t.throws(() => reconcileGpt(torn, torn, 'disk.raw'), UserError)
  const other = { ...gpt(), diskUuid: '5B0B2F4A-0000-4000-8000-0000000000FF' }
  const differing = decodeBackup(encodeGpt(other).backup, SECTORS)
  t.match(reconcileGpt(primary, differing, 'disk').warnings, ['the two partition tables differ'])
})

t.test('a table that contradicts itself is never written', async t => {
  const broken = (change: (table: Gpt) => void) => {
    const table = gpt()
    change(table)
    return () => encodeGpt(table)
  }
  t.throws(
    broken(table => {
      table.partitions[1]!.firstLba = 4095
    }),
    /overlaps/,
  )
  t.throws(
    broken(table => {
      table.partitions[1]!.lastLba = SECTORS - 33
    }),
    /outside the usable/,
  )
  t.throws(
    broken(table => {
      table.partitions[0]!.firstLba = 33
    }),
    /outside the usable/,
  )
  t.throws(
    broken(table => {
      table.partitions[0]!.lastLba = 1
    }),
    /ends before/,
  )
  t.throws(
    broken(table => {
      table.partitions[0]!.name = 'x'.repeat(37)
    }),
    /longer than/,
  )
  t.throws(
    broken(table => {
      table.partitions[0]!.uuid = table.partitions[1]!.uuid
    }),
    /UUID of another/,
  )
})

t.test('GUIDs', async t => {
  const guid = 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B'
  t.equal(bytesToGuid(guidToBytes(guid)), guid)
  t.equal(guidToBytes(guid.toLowerCase()).toString('hex'), '28732ac11ff8d211ba4b00a0c93ec93b')
  t.throws(() => guidToBytes('nonsense'), /not a GUID/)
})
