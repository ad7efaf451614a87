import t from 'tap'
import { UserError } from '#lib/errors.ts'
import { encodeGpt, SECTOR } from './gpt.ts'
import { checkEspSize, checkSlotSize, LABELS, planLayout, TYPES } from './layout.ts'
import { derivedUuid } from './uuid.ts'

const MIB = 1 << 20
const SIZES = { esp: 128 * MIB, slot: 512 * MIB, oem: 16 * MIB, state: 256 * MIB }

t.test('partitions follow each other on whole MiB, in order', async t => {
  const layout = planLayout(SIZES, 'seed')
  t.same(
    layout.gpt.partitions.map(part => part.name),
    LABELS,
  )
  let end = MIB
  for (const label of LABELS) {
    const { offset, size } = layout.parts[label]
    t.equal(offset, end, label)
    t.equal(offset % MIB, 0)
    end = offset + size
    const part = layout.gpt.partitions.find(candidate => candidate.name === label)!
    t.equal(part.firstLba * SECTOR, offset)
    t.equal((part.lastLba + 1) * SECTOR, end)
    t.equal(part.type, TYPES[label])
  }
  t.equal(layout.size, end + MIB)
  t.doesNotThrow(() => encodeGpt(layout.gpt))
})

t.test('identities follow from the seed alone', async t => {
  t.same(planLayout(SIZES, 'seed'), planLayout(SIZES, 'seed'))
  t.not(planLayout(SIZES, 'seed').gpt.diskUuid, planLayout(SIZES, 'other').gpt.diskUuid)
  t.match(
    derivedUuid('seed', 'disk'),
    /^[0-9A-F]{8}-[0-9A-F]{4}-8[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}$/,
  )
})

t.test('too small is said with numbers and what to do', async t => {
  checkSlotSize(512 * MIB, 256 * MIB)
  t.throws(() => checkSlotSize(512 * MIB, 256 * MIB + 1), UserError)
  t.throws(() => checkSlotSize(100 * MIB, 60 * MIB), {
    message: /takes 60 MiB; a slot must have 2 times that, 120 MiB, but has 100 MiB/,
    hint: 'raise "sizes.slot" in image/recipe.json to at least "120 MiB"',
  })
  checkEspSize(128 * MIB, 32 * MIB)
  t.throws(() => checkEspSize(128 * MIB, 33 * MIB), /132 MiB/)
  t.throws(() => planLayout({ ...SIZES, oem: MIB + 1 }, 'seed'), /OEM: 1048577 bytes are not whole MiB/)
})
