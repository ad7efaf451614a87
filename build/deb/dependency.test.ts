import t from 'tap'
import { formatDependency, parseDependencies, parseProvides } from './dependency.ts'

t.test('alternatives, versions, qualifiers', async t => {
  const parsed = parseDependencies(
    'libc6 (>= 2.38), default-logind | logind (<<2), perl:any,  , python3:amd64 ( = 3 )',
  )
  t.same(parsed, [
    [{ name: 'libc6', version: { relation: '>=', bound: '2.38' } }],
    [{ name: 'default-logind' }, { name: 'logind', version: { relation: '<<', bound: '2' } }],
    [{ name: 'perl', qualifier: 'any' }],
    [{ name: 'python3', qualifier: 'amd64', version: { relation: '=', bound: '3' } }],
  ])
  t.equal(
    parsed.map(formatDependency).join(', '),
    'libc6 (>= 2.38), default-logind | logind (<< 2), perl:any, python3:amd64 (= 3)',
  )
})

t.test('old relations and an absent field', async t => {
  t.equal(parseDependencies('a (> 1)')[0]![0]!.version!.relation, '>=')
  t.equal(parseDependencies('a (< 1)')[0]![0]!.version!.relation, '<=')
  t.same(parseDependencies(undefined), [])
})

t.test('provides', async t => {
  t.same(parseProvides('mail-transport-agent, libfoo (= 2)'), [
    { name: 'mail-transport-agent' },
    { name: 'libfoo', version: '2' },
  ])
})

t.test('what is no dependency', async t => {
  for (const bad of ['a b', 'a (>=)', 'a (1)', '(>= 1)', 'a (== 1)', 'a | ', 'a (>= 1']) {
    t.throws(() => parseDependencies(bad), SyntaxError, bad)
  }
})
