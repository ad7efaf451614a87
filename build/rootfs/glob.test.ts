import t from 'tap'
import { compileGlob, expandBraces, isGlob } from './glob.ts'

const CASES: [pattern: string, matches: string[], others: string[]][] = [
  ['usr/bin/ls', ['usr/bin/ls'], ['usr/bin/lsx', 'xusr/bin/ls', 'usr/bin']],
  ['usr/bin/*', ['usr/bin/a', 'usr/bin/.b'], ['usr/bin/a/b', 'usr/bin']],
  ['usr/**', ['usr/a', 'usr/a/b'], ['usr', 'var/usr/a']],
  ['usr/**/x', ['usr/x', 'usr/a/x', 'usr/a/b/x'], ['usr/a/bx', 'x']],
  ['a.c', ['a.c'], ['abc']],
  ['a+(b)|c$', ['a+(b)|c$'], ['aab']],
  ['lib?.so', ['libc.so'], ['lib.so', 'lib/.so']],
  ['p{erl*,ython}', ['perl5', 'perl', 'python'], ['perl/x', 'python3', 'p']],
  ['rc[0-6S].d', ['rc0.d', 'rcS.d'], ['rc7.d']],
  ['x[!a]', ['xb'], ['xa']],
  ['locale/Főt*', ['locale/Főtanúsítvány'], ['locale/Fot']],
]

t.test('patterns match what they say and nothing else', async t => {
  for (const [pattern, matches, others] of CASES) {
    const glob = compileGlob(pattern)
    for (const path of matches) t.ok(glob.test(path), `${pattern} matches ${path}`)
    for (const path of others) t.notOk(glob.test(path), `${pattern} does not match ${path}`)
  }
})

t.test('an unclosed bracket or brace is refused', async t => {
  t.throws(() => compileGlob('a[b'), { name: 'UserError', message: /not closed/ })
  t.throws(() => compileGlob('a{b,c'), { name: 'UserError', message: /not closed/ })
})

t.test('braces stand for every choice, also within each other', async t => {
  t.same(expandBraces('a{b,c{d,e}}{,x}'), ['ab', 'abx', 'acd', 'acdx', 'ace', 'acex'])
  t.same(expandBraces('plain'), ['plain'])
})

t.test('plain paths are told from patterns', async t => {
  t.notOk(isGlob('usr/share/doc-base'))
  t.ok(isGlob('usr/*'))
  t.ok(isGlob('a{b,c}'))
})
