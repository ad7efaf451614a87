import t from 'tap'
import { functionsOf, importsOf, programOf } from './scan.ts'

t.test('comments, strings and types are blanked where they stand', t => {
  // Before, what is blanked, after.
  const cases: [string, string, string][] = [
    ['a ', '// b', '\nc'],
    ['a ', '/* { */', '+ b'],
    ['x = ', "'{'", ' + y'],
    ['x = ', "'it\\'s {'", ' + y'],
    ['x = ', '`{$' + '{f({ a: "}" })}{`', ' + y'],
    ['x = y.match(', '/[/{"]/', ') + z'],
    ['x = a / b / c', '', ''],
    ['const f = () => ', '/{/', ''],
    ['function f(a', ': { b: string }', ') {}'],
  ]
  for (const [before, quiet, after] of cases)
    t.equal(programOf(before + quiet + after), before + quiet.replaceAll(/./g, ' ') + after, before + quiet)
  t.equal(programOf('a /* {\n */ b'), 'a     \n    b', 'lines stay')
  t.throws(() => programOf('enum X { a }'), SyntaxError, 'what Node cannot strip')
  t.end()
})

t.test('functions are found with their lines, control flow is not', t => {
  const program = programOf(
    [
      'export async function f(a: number): Promise<{ x: 1 }> {',
      '  if (a > 1) {',
      '    return g(() => {',
      '      h()',
      '    })',
      '  }',
      '}',
      'class C {',
      '  m(): void {',
      '  }',
      '}',
      'const o = { k: 1 }',
    ].join('\n'),
  )
  t.same(functionsOf(program), [
    { first: 1, last: 7 },
    { first: 3, last: 5 },
    { first: 9, last: 10 },
  ])
  t.end()
})

t.test('imports are found in all their forms', t => {
  const text = [
    "import a from './a.ts'",
    "import type { B } from './b.ts'",
    "import { type C, type D } from './c.ts'",
    'import {',
    '  type E,',
    '  f,',
    "} from './e.ts'",
    "export * from './g.ts'",
    "import './h.ts'",
    "const i = await import('./i.ts')",
    "new Worker(new URL('./j.ts', import.meta.url))",
    "// import k from './k.ts'",
    'const text = "from \'./l.ts\'"',
  ].join('\n')
  t.same(importsOf(text), [
    { specifier: './a.ts', typeOnly: false },
    { specifier: './b.ts', typeOnly: true },
    { specifier: './c.ts', typeOnly: true },
    { specifier: './e.ts', typeOnly: false },
    { specifier: './g.ts', typeOnly: false },
    { specifier: './h.ts', typeOnly: false },
    { specifier: './i.ts', typeOnly: false },
    { specifier: './j.ts', typeOnly: false },
  ])
  t.end()
})
