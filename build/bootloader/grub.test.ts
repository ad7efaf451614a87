import t from 'tap'
import { placeBiosGrub } from './grub.ts'

t.test('boot code points at the core, the core at the rest of itself', async t => {
  const boot = Buffer.alloc(512, 0x11)
  const given = Buffer.alloc(1300, 0x22)
  const { bootCode, core } = placeBiosGrub({ boot, core: given }, 2048, 2048)
  t.equal(bootCode.length, 440, 'the partition table behind it is not touched')
  t.equal(bootCode.readBigUInt64LE(0x5c), 2048n)
  t.same([...bootCode.subarray(0x66, 0x68)], [0x90, 0x90])
  t.equal(core.length, 3 * 512)
  t.equal(core.readBigUInt64LE(0x1f4), 2049n)
  t.equal(core.readUInt16LE(0x1fc), 2, 'sectors after the first')
  t.equal(core.readUInt16LE(0x1fe), 0x820)
  t.equal(core[1299], 0x22)
  t.equal(core[1300], 0)
  t.equal(given[0x1f4], 0x22, 'the image given is not changed')
})

t.test('a core that does not fit is refused', async t => {
  const boot = Buffer.alloc(512)
  t.throws(() => placeBiosGrub({ boot, core: Buffer.alloc(5 * 512 + 1) }, 2048, 5), /needs 6 sectors/)
  t.throws(() => placeBiosGrub({ boot, core: Buffer.alloc(2000 * 512) }, 2048, 4096), /takes 1024/)
})
