import t from 'tap'
import { areEqual, Bcrypt, readHash } from './bcrypt.ts'

function hash(password: string, like: string): string {
  const { cost, salt } = readHash(like)!
  const work = new Bcrypt(password, salt, cost)
  while (!work.step(7));
  return work.result()
}

// Published vectors: OpenBSD's and those that jBCrypt and others check themselves by.
const VECTORS: [password: string, hash: string][] = [
  ['a', '$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe'],
  ['abc', '$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i'],
  ['abcdefghijklmnopqrstuvwxyz', '$2a$06$.rCVZVOThsIa97pEDOxvGuRRgzG64bvtJ0938xuqzv18d3ZpQhstC'],
  ['~!@#$%^&*()      ~!@#$%^&*()PNBFRD', '$2a$06$fPIsBO8qRqkjj273rfaOI.HtSV9jLDpTbZn782DC6/t7qT67P6FfO'],
  ['U*U', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
  ['U*U*U', '$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a'],
]

t.test('published vectors', t => {
  for (const [password, expected] of VECTORS) t.equal(hash(password, expected), expected, password)
  t.end()
})

t.test('what is no hash, and what is another', t => {
  const [, one] = VECTORS[0]!
  for (const bad of ['', 'secret', one.slice(0, -1), one.replace('$06$', '$03$'), one.replace('$2a$', '$1$')])
    t.equal(readHash(bad), undefined, bad)
  t.ok(areEqual(one, one))
  t.ok(areEqual(one, one.replace('$2a$', '$2b$')))
  t.notOk(areEqual(one, VECTORS[1]![1]))
  t.notOk(areEqual(one, 'secret'))
  t.not(hash('b', one), one)
  t.throws(() => new Bcrypt('x', new Uint8Array(15), 5), /a salt has 16 bytes/)
  t.throws(() => new Bcrypt('x', new Uint8Array(16), 3), /a cost is 4 to 31/)
  t.end()
})
