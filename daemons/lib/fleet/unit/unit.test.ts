import t from 'tap'
import { hashText, hashUnit, parseUnit, serializeUnit, UnitSyntaxError } from './file.ts'
import { compileGlob } from './glob.ts'
import { nameFromArgument, nameProblem, splitName } from './name.ts'
import { formatMemory, parseCpu, parseMemory } from './quantity.ts'
import { readRequirements } from './requirements.ts'
import { optionsProblem, optionsWarnings } from './validate.ts'

const fleet = (lines: string): ReturnType<typeof parseUnit> => parseUnit(`[X-Fleet]\n${lines}\n`)

t.test('unit files are read, written and hashed as the original does', t => {
  t.equal(hashText('[Service]\nExecStart=/bin/sleep 100\n'), '1c6fb6f3684bafb0c173d8b8b957ceff031180c1')
  const hello = '[Service]\nExecStart=/bin/bash -c "while true; do echo Hello, World!; sleep 1; done"\n'
  t.equal(hashUnit(parseUnit(hello)), '3750b3e9f3962a56c7582929426e9abb012754cf')
  const cases: [text: string, serialized: string][] = [
    ['', ''],
    ['nothing = here\n', ''],
    ['[A]\nb=c', '[A]\nb=c\n'],
    ['# [no]\n[A]\n  b =  c  \n', '[A]\nb=c\n'],
    ['[A]\nb=1\n[B]\nc=2\n[A]\nd=3\n', '[A]\nb=1\nd=3\n\n[B]\nc=2\n'],
    ['[A]\nb=\nb=1\nb=1\n', '[A]\nb=\nb=1\nb=1\n'],
    ['[A]\nb=x \\\n  y\nc=1\n', '[A]\nb=x \\\n  y\nc=1\n'],
    ['[A]\nb=x \\\n\nc=1\n', '[A]\nb=x \\\n\nc=1\n'],
    ['[A]\n# c \\\nstill=comment\nb=1\n', '[A]\nb=1\n'],
    ['[A]\n; c\nb=1=2\n', '[A]\nb=1=2\n'],
    ['[A]\r\nb=c\r\n', '[A]\nb=c\n'],
  ]
  for (const [text, serialized] of cases)
    t.equal(serializeUnit(parseUnit(text)), serialized, JSON.stringify(text))
  for (const [, serialized] of cases)
    t.equal(serializeUnit(parseUnit(serialized)), serialized, `again ${JSON.stringify(serialized)}`)
  const bad: [text: string, message: string][] = [
    ['[A', 'line 1: unable to find end of section'],
    ['[A]\n\n[B', 'line 3: unable to find end of section'],
    ['[A] x\n', 'line 1: found garbage after section name A: "x"'],
    ['[A]\nfoo\n', 'line 2: unexpected newline encountered while parsing option name'],
    ['[A]\nb=1\nfoo', 'line 3: unexpected end of file encountered while parsing option name'],
    [`[A]\nb=${'x'.repeat(2046)}\n`, 'line 2: line too long (max 2048 bytes)'],
  ]
  for (const [text, message] of bad)
    t.throws(
      () => parseUnit(text),
      new UnitSyntaxError(Number(/\d+/.exec(message)), message.replace(/^.*?: /, '')),
    )
  t.doesNotThrow(() => parseUnit(`[A]\nb=${'x'.repeat(2045)}\n`))
  t.end()
})

t.test('any text is read or refused, and what is read comes back', t => {
  const pieces = ['[A]', '[', ']', '=', '\\', '\n', ' ', 'x', '#', ';', '"', 'é', '\r', '\t']
  let state = 1
  for (let run = 0; run < 3000; run++) {
    let text = ''
    for (let at = 0; at < 12; at++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      text += pieces[(state >>> 16) % pieces.length]!
    }
    try {
      const serialized = serializeUnit(parseUnit(`[S]\n${text}`))
      if (optionsProblem(parseUnit(`[S]\n${text}`)) === undefined)
        t.equal(serializeUnit(parseUnit(serialized)), serialized)
    } catch (error) {
      if (!(error instanceof UnitSyntaxError)) t.fail(`${JSON.stringify(text)}: ${error}`)
    }
  }
  t.end()
})

t.test('names', t => {
  t.match(splitName('foo@1.service'), {
    base: 'foo@1',
    prefix: 'foo',
    instance: '1',
    suffix: '.service',
    template: 'foo@.service',
    isTemplate: false,
  })
  t.match(splitName('foo@.service'), { instance: '', isTemplate: true })
  t.match(splitName('a.b.timer'), { base: 'a.b', template: '', isTemplate: false })
  t.match(splitName('a@b@c.socket'), { prefix: 'a', instance: 'b@c' })
  const typed = {
    hello: 'hello.service',
    './d/hello.timer': 'hello.timer',
    'b.target': 'b.target',
    'a.b': 'a.b.service',
  }
  for (const [argument, name] of Object.entries(typed)) t.equal(nameFromArgument(argument), name)
  const problems: [name: string, problem: string | undefined][] = [
    ['a.service', undefined],
    ['a@1.service', undefined],
    ['a\\x2d:_-.mount', undefined],
    ['', 'unit name cannot be empty'],
    [`${'a'.repeat(249)}.service`, 'unit name exceeds maximum length (256)'],
    [`${'a'.repeat(248)}.service`, undefined],
    ['a', 'unit name must contain "."'],
    ['a.', 'unit name cannot end in "."'],
    ['a.x', 'invalid unit type: "x"'],
    ['a@b.mount', 'invalid unit type for template: "mount"'],
    ['a b.service', "invalid character ' ' in unit name"],
    ['a/b.service', "invalid character '/' in unit name"],
    ['@a.service', 'unit name cannot start in "@"'],
  ]
  for (const [name, problem] of problems) t.equal(nameProblem(name), problem, name)
  t.end()
})

t.test('patterns', t => {
  const cases: [pattern: string, name: string, matches: boolean][] = [
    ['a', 'a', true],
    ['a*', 'abc', true],
    ['a*', 'a/c', false],
    ['*', '', true],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['[a-c]x', 'bx', true],
    ['[^a-c]x', 'bx', false],
    ['[^a-c]x', 'dx', true],
    ['[', '[', false],
    ['[]', 'a', false],
    ['\\*', '*', true],
    ['\\*', 'a', false],
    ['a\\', 'a\\', false],
    ['foo@*.service', 'foo@1.service', true],
    ['a.c', 'abc', false],
    ['[\\]]', ']', true],
    ['[z-a]', 'm', false],
  ]
  for (const [pattern, name, matches] of cases)
    t.equal(compileGlob(pattern).matches(name), matches, `${pattern} ${name}`)
  // A pattern that cannot be compiled would end the rounds of every machine that reads it.
  for (let code = 0x20; code < 0x7f; code++) {
    const char = String.fromCharCode(code)
    if ('*?[\\'.includes(char)) continue
    t.ok(compileGlob(`a${char}b*`).matches(`a${char}b.service`), JSON.stringify(char))
  }
  t.end()
})

t.test('what a unit asks for', t => {
  const read = (lines: string, name = 'foo@1.service'): ReturnType<typeof readRequirements> =>
    readRequirements(name, fleet(lines))
  t.equal(read('MachineID=a\nX-ConditionMachineID=b').machineId, 'a')
  t.equal(read('X-ConditionMachineBootID=b').machineId, 'b')
  t.same(read('MachineOf=%p@%i.socket\nX-ConditionMachineOf=x.service').peers, ['foo@1.socket', 'x.service'])
  t.same(read('MachineOf="%n" "%N.x"').peers, ['foo@1.service', 'foo@1.x'])
  t.same(
    [...read('MachineMetadata="a=1" "a=2" "b=3"\nMachineMetadata=bad').metadata],
    [
      ['a', new Set(['1', '2'])],
      ['b', new Set(['3'])],
    ],
  )
  t.same(
    read('Conflicts=a* b\nX-Conflicts=c').conflicts.map(({ text }) => text),
    ['a*', 'b', 'c'],
  )
  t.same(
    read('Replaces=a b').replaces.map(({ text }) => text),
    ['a b'],
  )
  for (const [value, isGlobal] of [
    ['true', true],
    ['YES', true],
    ['1', true],
    ['t', true],
    ['no', false],
    ['', false],
  ] as const)
    t.equal(read(`Global=${value}`).isGlobal, isGlobal, value)
  t.equal(read('Global=true\nGlobal=false').isGlobal, false)
  t.same(read('MemoryReservation=1.5G\nCPUReservation=50%').reserves, {
    memoryBytes: 1_610_612_736,
    cpuMillis: 500,
  })
  t.equal(read('Rebalance=no').stays, true)
  t.equal(read('').stays, false)
  t.end()
})

t.test('what is refused', t => {
  const cases: [lines: string, problem: string | undefined][] = [
    ['MachineID=a', undefined],
    ['MachineID=a\nMachineOf=b', 'MachineID cannot be used with Peers'],
    ['MachineID=a\nConflicts=b', 'MachineID cannot be used with Conflicts'],
    ['MachineID=a\nGlobal=true', 'MachineID cannot be used with Global'],
    ['MachineID=a\nReplaces=b', 'MachineID cannot be used with Replaces'],
    ['Global=true\nMachineOf=b', 'Global cannot be used with Peers'],
    ['Global=true\nReplaces=b', 'Global cannot be used with Replaces'],
    ['Global=false\nReplaces=b', undefined],
    ['Conflicts=a\nReplaces=b', 'Conflicts cannot be used with Replaces'],
    ['MachineOf=a\nConflicts=a*', 'unresolvable requirements: peer "a" matches conflict "a*"'],
    ['MachineOf=a\nReplaces=a*', 'unresolvable requirements: peer "a" matches replace "a*"'],
    ['MachineMetadata=a=b=c', 'invalid MachineMetadata "a=b=c": write it as key=value'],
    ['MemoryReservation=lots', 'invalid MemoryReservation "lots": write an amount such as 512M'],
    ['CPUReservation=-1', 'invalid CPUReservation "-1": write cores such as 0.5 or 500m'],
  ]
  for (const [lines, problem] of cases) t.equal(optionsProblem(fleet(lines)), problem, lines)
  t.equal(
    optionsProblem([{ section: 'A', name: 'b', value: 'c\nd=e' }]),
    'the options do not make a unit file',
  )
  t.equal(
    optionsProblem([{ section: 'A]', name: 'b', value: 'c' }])?.startsWith('line 1: found garbage'),
    true,
  )
  t.same(optionsWarnings(fleet('global=true\nFoo=1\nGlobal=false')), [
    'unrecognized requirement in [X-Fleet] section: "global"; did you mean Global?',
    'unrecognized requirement in [X-Fleet] section: "Foo"',
  ])
  t.end()
})

t.test('amounts', t => {
  t.same(['512', '1K', '1.5m', '2GiB', '1TB', '', 'x', '-1'].map(parseMemory), [
    512,
    1024,
    1_572_864,
    2_147_483_648,
    1_099_511_627_776,
    undefined,
    undefined,
    undefined,
  ])
  t.same(['1', '0.25', '100m', '50%', '1x'].map(parseCpu), [1000, 250, 100, 500, undefined])
  t.equal(formatMemory(1_610_612_736), '1.5 GiB')
  t.end()
})
