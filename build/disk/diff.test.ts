import t from 'tap'
import { compareLists } from './diff.ts'

const list = (files: Record<string, [size: number, words: string]>) =>
  new Map(Object.entries(files).map(([path, [size, words]]) => [path, { size, words }]))

t.test('what was added, removed, changed, sorted', async t => {
  const a = list({ same: [1, 'x'], gone: [5, 'y'], changed: [7, 'old'], kind: [0, 'folder'] })
  const b = list({ same: [1, 'x'], new: [9, 'z'], changed: [8, 'new'], kind: [0, 'link target'] })
  t.same(compareLists(a, b), [
    { path: 'changed', change: 'changed', sizeA: 7, sizeB: 8 },
    { path: 'gone', change: 'removed', sizeA: 5, sizeB: undefined },
    { path: 'kind', change: 'changed', sizeA: 0, sizeB: 0 },
    { path: 'new', change: 'added', sizeA: undefined, sizeB: 9 },
  ])
  t.same(compareLists(a, a), [])
})
