import t from 'tap'
import { decodeEntry, decodeHead, ENTRY_BYTES, encodeEntry, encodeHead, type LogEntry } from './blklog.ts'

const nothing: LogEntry = {
  sector: 0,
  sectors: 0,
  flush: false,
  fua: false,
  discard: false,
  mark: false,
  dataBytes: 0,
}
const write: LogEntry = { ...nothing, sector: 2048, sectors: 9, dataBytes: 9 * 512 }

/** The bytes with one 64-bit number changed. */
function altered(bytes: Uint8Array, offset: number, value: bigint): Uint8Array {
  const copy = Buffer.from(bytes)
  copy.writeBigUInt64LE(value, offset)
  return copy
}

t.test('bytes that QEMU wrote', async t => {
  // qemu-io on blklogwrites: the head, a write of 1 KiB at 4 KiB, and a flush.
  const head = Buffer.from('7268737766736a00' + '0100000000000000' + '0800000000000000' + '00020000', 'hex')
  t.same(decodeHead(head), { entries: 8, sectorSize: 512 })
  const zero = '0000000000000000'
  const written = Buffer.from(`0800000000000000${'0200000000000000'}${zero}${zero}`, 'hex')
  t.same(decodeEntry(written, 512), { ...nothing, sector: 8, sectors: 2, dataBytes: 1024 })
  const flushed = Buffer.from(`${zero}${zero}${'0100000000000000'}${zero}`, 'hex')
  t.same(decodeEntry(flushed, 512), { ...nothing, flush: true })
})

t.test('what is written is read', async t => {
  for (const sectorSize of [512, 4096]) {
    const head = { entries: 123_456, sectorSize }
    t.same(decodeHead(encodeHead(head)), head)
    t.equal(encodeHead(head).length, sectorSize)
    for (const entry of [
      { ...write, dataBytes: 9 * sectorSize },
      { ...write, fua: true, dataBytes: 9 * sectorSize },
      { ...write, discard: true, dataBytes: 0 },
      { ...nothing, flush: true },
      { ...nothing, mark: true, dataBytes: 17 },
      { ...write, sector: 2 ** 40, flush: true, fua: true, dataBytes: 9 * sectorSize },
    ]) {
      t.same(decodeEntry(encodeEntry(entry, sectorSize), sectorSize), entry, JSON.stringify(entry))
    }
  }
})

t.test('what is no log is refused', async t => {
  const head = encodeHead({ entries: 1, sectorSize: 512 })
  for (const [name, bytes, message] of [
    ['nothing', new Uint8Array(), /ends after 0 of 28 bytes/],
    ['a truncated head', head.subarray(0, 27), /ends after 27 of 28/],
    ['zeros', new Uint8Array(512), /magic/],
    ['another version', altered(head, 8, 2n), /version 2/],
    ['too many entries', altered(head, 16, 2n ** 60n), /absurd/],
    ['a sector size of 0', altered(head, 24, 0n), /sectors of 0 bytes/],
    ['a sector size of 1000', altered(head, 24, 1000n), /sectors of 1000 bytes/],
  ] as const)
    t.throws(() => decodeHead(bytes), { name: 'UserError', message }, name)

  const entry = encodeEntry(write, 512)
  for (const [name, bytes, message] of [
    ['a truncated entry', entry.subarray(0, ENTRY_BYTES - 1), /ends after 31 of 32/],
    ['a flag nobody knows', altered(entry, 16, 16n), /unknown flags 16/],
    ['a high flag', altered(entry, 16, 2n ** 63n), /unknown flags/],
    ['an absurd sector', altered(entry, 0, 2n ** 63n), /sector .* absurd/],
    ['an absurd length', altered(entry, 8, 2n ** 63n), /sectors .* absurd/],
    ['text in a write', altered(entry, 24, 5n), /5 bytes of text/],
  ] as const)
    t.throws(() => decodeEntry(bytes, 512), { name: 'UserError', message }, name)
})
