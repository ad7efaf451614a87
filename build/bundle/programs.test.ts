import t from 'tap'
import { multicallSource, parsePrograms } from './programs.ts'

t.test('the list of programs', async t => {
  const programs = parsePrograms('{ "slotctl": "update-engine/slots/slotctl.ts" }', 'p.json')
  t.same([...programs], [['slotctl', 'update-engine/slots/slotctl.ts']])
  for (const [text, message] of [
    ['{', /^p\.json: /],
    ['[]', /must be an object/],
    ['{}', /names no program/],
    ['{ "Bad Name": "daemons/x.ts" }', /'Bad Name' is no program name/],
    ['{ "x": "../../etc/passwd.ts" }', /x: the module must be/],
    ['{ "x": "daemons/../../y.ts" }', /x: the module must be/],
    ['{ "x": 1 }', /x: the module must be/],
  ] as const) {
    t.throws(() => parsePrograms(text, 'p.json'), { name: 'UserError', message }, text)
  }
})

t.test('the entry does not depend on the order of the list', async t => {
  const one = multicallSource(
    new Map([
      ['b', 'daemons/b.ts'],
      ['a', 'daemons/a.ts'],
    ]),
  )
  const two = multicallSource(
    new Map([
      ['a', 'daemons/a.ts'],
      ['b', 'daemons/b.ts'],
    ]),
  )
  t.equal(one, two)
  t.match(one, '"a": () => import("./daemons/a.ts")')
})
