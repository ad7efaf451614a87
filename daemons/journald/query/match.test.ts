import t from 'tap'
import { and, isMatch, or, parseMatches, term } from './match.ts'
import { matchUnit, matchUserUnit } from './units.ts'

const data = (...words: string[]): Buffer[] => words.map(word => Buffer.from(word))

t.test('words as journalctl takes them', t => {
  const match = parseMatches(['A=1', 'B=x=y', 'A=2', '+', 'C='])!
  const cases: [string[], boolean][] = [
    [['A=1', 'B=x=y'], true],
    [['A=2', 'B=x=y', 'D=1'], true],
    [['A=3', 'A=2', 'B=x=y'], true],
    [['A=1'], false],
    [['A=1', 'B=x'], false],
    [['C='], true],
    [['C=1'], false],
  ]
  for (const [words, wanted] of cases) t.equal(isMatch(match, data(...words)), wanted, words.join(' '))
  t.equal(parseMatches([]), undefined)
  for (const words of [
    ['A'],
    ['a=1'],
    ['+'],
    ['A=1', '+'],
    ['+', 'A=1'],
    ['A=1', '+', '+', 'B=1'],
    ['1A=x'],
    ['=x'],
  ])
    t.throws(() => parseMatches(words), RangeError, words.join(' '))
  t.equal(isMatch(and(), []), false)
  t.equal(isMatch(or(), []), false)
  t.equal(isMatch(term('A', Buffer.from([0])), [Buffer.from('A=\0')]), true)
  t.end()
})

t.test('what is said of a unit', t => {
  const crash = ['MESSAGE_ID=fc2e22bc6ee647b6b90729ab34a250b1', 'COREDUMP_UNIT=a.service', '_UID=7']
  const unit = matchUnit('a.service', [0])
  t.ok(isMatch(unit, data('_SYSTEMD_UNIT=a.service')))
  t.notOk(isMatch(unit, data('UNIT=a.service')), 'anybody can say that')
  t.ok(isMatch(unit, data('UNIT=a.service', '_SYSTEMD_CGROUP=/init.scope')))
  t.notOk(isMatch(unit, data(...crash)))
  t.ok(isMatch(matchUnit('a.service'), data(...crash)))
  t.ok(isMatch(matchUnit('a.slice'), data('_SYSTEMD_SLICE=a.slice')))
  const user = matchUserUnit('a.service', 1000)
  t.ok(isMatch(user, data('_SYSTEMD_USER_UNIT=a.service', '_UID=1000')))
  t.notOk(isMatch(user, data('_SYSTEMD_USER_UNIT=a.service', '_UID=1001')))
  t.ok(isMatch(user, data('OBJECT_SYSTEMD_USER_UNIT=a.service', '_UID=0')))
  t.end()
})
