import t from 'tap'
import { decodeSlotConfig, encodeSlotConfig, type SlotConfig } from './slotcfg.ts'

const config: SlotConfig = {
  slot: 'b',
  version: '1.2.3',
  verity: { rootHash: 'ab'.repeat(32), salt: 'cd'.repeat(32), dataBlocks: 42 },
  words: ['console=ttyS0,115200n8', 'panic=5'],
}

t.test('comes back as written, in a form that GRUB sources', async t => {
  const text = encodeSlotConfig(config)
  t.same(decodeSlotConfig(text, 'slot.cfg'), config)
  t.match(text, /^set slotversion="1\.2\.3"\nset slotargs="console=ttyS0,115200n8 panic=5 orlop\.slot=b /)
})

t.test('what is missing or wrong is named', async t => {
  const text = encodeSlotConfig(config)
  t.throws(() => decodeSlotConfig('', 'a/slot.cfg'), /^a\/slot\.cfg: no slotversion/)
  t.throws(
    () => decodeSlotConfig(text.replace('orlop.slot=b', 'orlop.slot=c'), 'f'),
    /f: orlop\.slot is missing or wrong/,
  )
  t.throws(() => decodeSlotConfig(text.replace('abab', 'xyxy'), 'f'), /orlop\.roothash/)
  t.throws(() => decodeSlotConfig(text.replace('datablocks=42', 'datablocks=0'), 'f'), /orlop\.datablocks/)
  t.throws(
    () => decodeSlotConfig(text.replace('orlop.slot=b', 'orlop.slot=b orlop.slot=a'), 'f'),
    /orlop\.slot/,
  )
})
