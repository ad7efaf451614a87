import t from 'tap'
import { FlagError, type FlagSpec, flagsFirst, parseFlags } from './flags.ts'

const SPECS: readonly FlagSpec[] = [
  { names: ['name', 'n'], type: 'string', usage: 'a name', default: 'default' },
  { names: ['force', 'f'], type: 'bool', usage: 'force' },
  { names: ['count'], type: 'int', usage: 'count' },
  { names: ['size'], type: 'uint', usage: 'size' },
  { names: ['wait'], type: 'duration', usage: 'wait', default: '2s' },
]

t.test('one and two dashes, with and without an equals sign', t => {
  for (const words of [['-name', 'x'], ['--name', 'x'], ['-name=x'], ['--name=x'], ['-n', 'x'], ['--n=x']]) {
    const { flags, rest } = parseFlags(SPECS, [...words, 'rest', '-force'])
    t.equal(flags.text('name'), 'x', words.join(' '))
    t.ok(flags.given('name') && flags.given('n'))
    t.same(rest, ['rest', '-force'], 'flags end at the first other word')
    t.notOk(flags.on('force'))
  }
  t.end()
})

t.test('what is not given has its default', t => {
  const { flags, rest } = parseFlags(SPECS, [])
  t.same(rest, [])
  t.equal(flags.text('name'), 'default')
  t.equal(flags.number('wait'), 2000)
  t.equal(flags.number('count'), 0)
  t.equal(flags.on('f'), false)
  t.notOk(flags.given('name'))
  t.end()
})

t.test('booleans take a value only after an equals sign', t => {
  t.equal(parseFlags(SPECS, ['-f=false', '-f=T']).flags.on('force'), true)
  t.same(parseFlags(SPECS, ['-f', 'false']).rest, ['false'])
  t.end()
})

t.test('numbers', t => {
  const count = (word: string) => parseFlags(SPECS, ['-count', word]).flags.number('count')
  t.equal(count('-5'), -5)
  t.equal(count('+7'), 7)
  t.equal(count('0x1F'), 31)
  t.equal(count('017'), 15)
  t.equal(count('0b101'), 5)
  t.equal(count('0'), 0)
  t.equal(parseFlags(SPECS, ['-size', '9007199254740991']).flags.number('size'), 9007199254740991)
  t.end()
})

t.test('what breaks the syntax is told in the words of the Go flag package', t => {
  const wrong: [words: string[], message: string][] = [
    [['---x'], 'bad flag syntax: ---x'],
    [['-=x'], 'bad flag syntax: -=x'],
    [['-nope'], 'flag provided but not defined: -nope'],
    [['--nope=1'], 'flag provided but not defined: -nope'],
    [['-name'], 'flag needs an argument: -name'],
    [['-f=maybe'], 'invalid boolean value "maybe" for -f: parse error'],
    [['-count', '1.5'], 'invalid value "1.5" for flag -count: parse error'],
    [['-count', '08'], 'invalid value "08" for flag -count: parse error'],
    [['-count', ''], 'invalid value "" for flag -count: parse error'],
    [['-size', '-1'], 'invalid value "-1" for flag -size: parse error'],
    [
      ['-count', '99999999999999999999'],
      'invalid value "99999999999999999999" for flag -count: value out of range',
    ],
    [['-wait', '3'], 'invalid value "3" for flag -wait: parse error'],
  ]
  for (const [words, message] of wrong) t.throws(() => parseFlags(SPECS, words), new FlagError(message))
  t.end()
})

t.test('a dash alone is a word; two dashes end the flags', t => {
  t.same(parseFlags(SPECS, ['-', '-f']).rest, ['-', '-f'])
  t.same(parseFlags(SPECS, ['-f', '--', '-n', '--']).rest, ['-n', '--'])
  t.end()
})

t.test('two names of one flag are noticed', t => {
  t.same(parseFlags(SPECS, ['-n', 'a', '-name', 'b']).flags.twice(), ['n', 'name'])
  t.equal(parseFlags(SPECS, ['-n', 'a', '-n', 'b']).flags.twice(), undefined)
  t.end()
})

t.test('flags may follow the words', t => {
  t.same(flagsFirst(SPECS, ['k', '-n', 'x', 'v', '-f', '-5']), ['-n', 'x', '-f', 'k', 'v', '-5'])
  t.same(flagsFirst(SPECS, ['-f', 'k', '-name=x', 'v']), ['-f', '-name=x', 'k', 'v'])
  t.same(flagsFirst(SPECS, ['k', '-count', '-5', 'v']), ['-count', '-5', 'k', 'v'])
  t.same(flagsFirst(SPECS, ['k', '--', '-f', 'v']), ['--', 'k', '-f', 'v'])
  t.same(flagsFirst(SPECS, ['k', '-f', '--', '-f', 'v'], 'kept'), ['-f', 'k', '--', '-f', 'v'])
  t.same(flagsFirst(SPECS, ['k', '-count']), ['-count', 'k'])
  t.end()
})

t.test('asking for what was not declared is a mistake of the program', t => {
  const { flags } = parseFlags(SPECS, [])
  t.throws(() => flags.text('nope'), /no flag nope/)
  t.throws(() => flags.number('name'), /flag name is string/)
  t.end()
})
