import t from 'tap'
import { compareVersions, satisfies } from './version.ts'

// From the tests of dpkg and apt, and from policy 5.6.12: each line is in rising order.
const RISING = [
  ['1.0~~', '1.0~~a', '1.0~', '1.0', '1.0a', '1.0+', '1.0.1'],
  ['0.9-1', '1.0-1', '1.0-1+b1', '1.0-1+deb13u1', '1.0-2', '1.0-10'],
  ['99999', '1:0', '1:0.1', '2:0'],
  ['5.2.37-2', '5.2.37-2+b10'],
  ['1.2.3~rc1-1', '1.2.3-1'],
  ['6.12.107-1', '6.12.117-1'],
  ['2024a-1', '2024b-0+deb13u1', '2024b-1'],
  ['1.0-', '1.0-1'],
  ['1.0', '1.0-1'],
  ['1.a', '1.b', '1.ba', '1.+'],
  ['20230311', '20230311235959999999999', '20230311235959999999999999'],
]

t.test('order', async t => {
  for (const line of RISING) {
    for (const [i, a] of line.entries()) {
      for (const [j, b] of line.entries()) {
        t.equal(Math.sign(compareVersions(a, b)), Math.sign(i - j), `${a} and ${b}`)
      }
    }
  }
})

t.test('the same version written differently', async t => {
  for (const [a, b] of [
    ['0:1.0', '1.0'],
    ['1.00', '1.0'],
    ['1.0-0', '1.0'],
    ['1.0a', '1.0a0'],
    ['007', '7'],
  ]) {
    t.equal(compareVersions(a!, b!), 0, `${a} and ${b}`)
  }
})

t.test('relations', async t => {
  const table: [string, Parameters<typeof satisfies>[1], string, boolean][] = [
    ['2.41-12', '>=', '2.38', true],
    ['2.38', '>>', '2.38', false],
    ['2.38', '>=', '2.38', true],
    ['2.38', '<=', '2.38', true],
    ['2.38', '<<', '2.38', false],
    ['2.38~1', '<<', '2.38', true],
    ['2.38', '=', '2.38', true],
    ['2.38-1', '=', '2.38', false],
  ]
  for (const [version, relation, bound, expected] of table) {
    t.equal(satisfies(version, relation, bound), expected, `${version} ${relation} ${bound}`)
  }
})
