import t from 'tap'
import { file, treeOf } from './fixtures.ts'
import { parsePruneRules, pruneTree } from './prune.ts'
import type { Tree } from './tree.ts'

const rules = (...items: object[]) => parsePruneRules(JSON.stringify({ rules: items }), 'prune.json')
const files = (tree: Tree) =>
  tree
    .list()
    .filter(entry => entry.type === 'file')
    .map(entry => entry.path)

t.test('folders go with their content, exceptions stay, emptied folders go', async t => {
  const tree = treeOf(
    file('usr/share/man/man1/ls.1'),
    file('usr/lib/gconv/UTF-16.so'),
    file('usr/lib/gconv/sub/KOI8.so'),
    file('usr/lib/gconv/sub/KEEP.so'),
    file('usr/bin/ls'),
  )
  pruneTree(
    tree,
    rules(
      { remove: ['usr/share/man/man*'], reason: 'no manuals' },
      { remove: ['usr/lib/gconv'], keep: ['usr/lib/gconv/UTF-*', '**/KEEP.so'], reason: 'big' },
    ),
    'prune.json',
  )
  t.same(files(tree), ['usr/bin/ls', 'usr/lib/gconv/UTF-16.so', 'usr/lib/gconv/sub/KEEP.so'])
  t.notOk(tree.has('usr/share/man'))
  t.ok(tree.has('usr'))
})

t.test('a rule that finds nothing is an error unless optional', async t => {
  const stale = { remove: ['usr/gone'], reason: 'stale' }
  t.throws(() => pruneTree(treeOf(file('a')), rules(stale), 'prune.json'), {
    name: 'UserError',
    message: 'prune.json: "usr/gone" (stale) matches nothing in the packages',
  })
  pruneTree(treeOf(file('a')), rules({ ...stale, optional: true }), 'prune.json')
  const staleKeep = { remove: ['a'], keep: ['a/b'], reason: 'r' }
  t.throws(() => pruneTree(treeOf(file('a')), rules(staleKeep), 'prune.json'), /matches nothing/)
})

t.test('bad rules are refused with their place', async t => {
  t.throws(() => rules({ remove: ['a'] }), /"rules\[0\].reason" is missing/)
  t.throws(() => rules({ remove: 'a', reason: 'r' }), /"rules\[0\].remove" must be a list of texts/)
  t.throws(() => rules({ remove: [], reason: 'r', optionl: true }), {
    message: /unknown key "rules\[0\].optionl"/,
    hint: 'did you mean "rules[0].optional"?',
  })
})
