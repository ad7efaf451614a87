import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { treeBytes, VERITY_BLOCK, VerityHasher, verifyRange } from './verity.ts'

const SALT = '5a'.repeat(32)

/** Byte i of block n is (7 n + i) mod 251. */
function pattern(blocks: number): Buffer {
  const bytes = Buffer.alloc(blocks * VERITY_BLOCK)
  for (let at = 0; at < bytes.length; at++) {
    bytes[at] = (Math.floor(at / VERITY_BLOCK) * 7 + (at % VERITY_BLOCK)) % 251
  }
  return bytes
}

// The root hashes are those that veritysetup 2.7.5 gives for the same data and salt.
t.test('the tree of veritysetup, of two levels', async t => {
  const hasher = new VerityHasher(SALT)
  const data = pattern(300)
  hasher.update(data.subarray(0, 5 * VERITY_BLOCK))
  hasher.update(data.subarray(5 * VERITY_BLOCK))
  const { rootHash, tree, dataBlocks } = hasher.finish()
  t.equal(rootHash, '8b91d031485ec37f49a62ece5e86509d3d226354f862a6bd1af5426f6dc8150e')
  t.equal(tree.length, 4 * VERITY_BLOCK)
  t.equal(treeBytes(300), tree.length)
  t.equal(dataBlocks, 300)
})

t.test('a single block has no tree', async t => {
  const hasher = new VerityHasher(SALT)
  hasher.update(pattern(1))
  const { rootHash, tree } = hasher.finish()
  t.equal(rootHash, 'c73ef18a004c4b4f0ebf486ae0782514d0c44322578154d0d16259e4c615cc2b')
  t.equal(tree.length, 0)
})

t.test('input that cannot be right is refused', async t => {
  t.throws(() => new VerityHasher('xyz'), /not hexadecimal/)
  t.throws(() => new VerityHasher(SALT).update(Buffer.alloc(5)), /whole verity blocks/)
  t.throws(() => new VerityHasher(SALT).finish(), /no data/)
})

t.test('any flipped byte of data or tree is found', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'orlop-test-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const hasher = new VerityHasher(SALT)
  const data = pattern(300)
  hasher.update(data)
  const { rootHash, tree, dataBlocks } = hasher.finish()
  const offset = 8192
  const file = await open(join(folder, 'disk'), 'w+')
  t.teardown(() => file.close())
  await file.write(Buffer.concat([Buffer.alloc(offset, 1), data, tree]), 0)
  const parameters = { rootHash, salt: SALT, dataBlocks }
  t.equal(await verifyRange(file, offset, parameters), undefined)
  for (const [at, complaint] of [
    [0, /hashes to/],
    [data.length - 1, /hashes to/],
    [data.length + 5, /hash block 0/],
    [data.length + tree.length - 1, /hash block 3/],
  ] as const) {
    const before = Buffer.alloc(1)
    await file.read(before, 0, 1, offset + at)
    await file.write(Buffer.from([before[0]! ^ 1]), 0, 1, offset + at)
    t.match(await verifyRange(file, offset, parameters), complaint, `byte ${at}`)
    await file.write(before, 0, 1, offset + at)
  }
  await file.truncate(offset + data.length + 4096)
  await t.rejects(verifyRange(file, offset, parameters), /ends/)
})
