import t from 'tap'
import { parseRequest, portsOf } from './control.ts'
import { below, seeded } from './testing/frames.ts'

t.test('requests', async t => {
  const cases: [string, object][] = [
    ['{"do":"status"}', { do: 'status' }],
    [
      '{"do":"partition","groups":[["core-01"],["core-02","core-03"]]}',
      { do: 'partition', groups: [['core-01'], ['core-02', 'core-03']] },
    ],
    ['{"do":"isolate","port":"a"}', { do: 'isolate', port: 'a', direction: 'both' }],
    ['{"do":"isolate","port":"a","direction":"in"}', { do: 'isolate', port: 'a', direction: 'in' }],
    ['{"do":"cut","from":"a","to":"b"}', { do: 'cut', from: 'a', to: 'b' }],
    [
      '{"do":"link","from":"a","to":"b","delayMs":1.5}',
      { do: 'link', from: 'a', to: 'b', delayMs: 1.5, jitterMs: 0, dropRatio: 0 },
    ],
    [
      '{"do":"link","from":"a","to":"@host","delayMs":60000,"jitterMs":60000,"dropRatio":1}',
      { do: 'link', from: 'a', to: '@host', delayMs: 60_000, jitterMs: 60_000, dropRatio: 1 },
    ],
    ['{"do":"heal"}', { do: 'heal' }],
    ['{"do":"add","port":"core-04"}', { do: 'add', port: 'core-04' }],
    ['{"do":"add","port":"a","address":"1.2.3.4"}', { do: 'add', port: 'a', address: '1.2.3.4' }],
    ['{"do":"remove","port":"a"}', { do: 'remove', port: 'a' }],
    [' {"do":"stop"}\r', { do: 'stop' }],
  ]
  for (const [line, request] of cases) t.same(parseRequest(line), request, line)
  t.same(
    cases.flatMap(([line]) => portsOf(parseRequest(line))).join(' '),
    'core-01 core-02 core-03 a a a b a b a @host a',
  )
})

t.test('bad requests are told what is wrong', async t => {
  const cases: [string, string][] = [
    ['', 'not JSON: ""'],
    ['{"do":"status"', 'not JSON: "{\\"do\\":\\"status\\""'],
    ['[]', 'a request must be an object'],
    ['null', 'a request must be an object'],
    ['{}', 'do is nothing, must be one of status, partition, isolate, cut, link, heal, add, remove, stop'],
    ['{"do":"toString"}', /^do is "toString", must be one of/.source],
    ['{"do":"__proto__"}', /^do is "__proto__", must be one of/.source],
    ['{"do":"status","port":"a"}', 'status knows no "port"'],
    ['{"do":"partition"}', 'groups must be a list of at least two'],
    ['{"do":"partition","groups":[["a"]]}', 'groups must be a list of at least two'],
    ['{"do":"partition","groups":[["a"],[]]}', 'each of groups must be a list of at least one port'],
    ['{"do":"partition","groups":[["a"],["b","a"]]}', '"a" is in groups twice'],
    ['{"do":"partition","groups":[["a"],[7]]}', 'a port of groups is 7, must be a text'],
    ['{"do":"isolate","port":"a","direction":"up"}', 'direction is "up", must be one of both, in, out'],
    ['{"do":"cut","from":"a"}', 'to is nothing, must be a text'],
    ['{"do":"cut","from":"a","to":"a"}', 'from and to are both "a"'],
    ['{"do":"link","from":"a","to":"b","delayMs":-1}', 'delayMs is -1, must be a number from 0 to 60000'],
    ['{"do":"link","from":"a","to":"b","dropRatio":1.1}', 'dropRatio is 1.1, must be a number from 0 to 1'],
    ['{"do":"link","from":"a","to":"b","jitterMs":"5"}', 'jitterMs is "5", must be a number from 0 to 60000'],
    ['{"do":"add","port":"../x"}', '"../x" cannot be a port'],
    ['{"do":"add","port":"a","address":"1.2.3"}', '"1.2.3" is no address, such as \'172.17.8.101\''],
    ['{"do":"remove","port":"@host"}', '"@host" cannot be a port'],
  ]
  for (const [line, message] of cases) {
    const expected = message.startsWith('^') ? new RegExp(message) : message
    t.throws(() => parseRequest(line), { name: 'UserError', message: expected }, line)
  }
})

t.test('any JSON is a request or a UserError', async t => {
  const random = seeded(6)
  const words = ['do', 'cut', 'from', 'to', 'groups', 'partition', 'link', 'add', 'port', 'a', 'delayMs']
  const value = (depth: number): unknown => {
    const kind = below(random, depth > 2 ? 4 : 6)
    if (kind === 4) return Array.from({ length: below(random, 3) }, () => value(depth + 1))
    if (kind === 5)
      return Object.fromEntries(
        Array.from({ length: below(random, 5) }, () => [
          words[below(random, words.length)],
          value(depth + 1),
        ]),
      )
    return [null, random() * 3, words[below(random, words.length)], true][kind]
  }
  for (let round = 0; round < 5000; round++) {
    try {
      parseRequest(
        JSON.stringify(round % 2 ? value(0) : { ...Object(value(0)), do: words[below(random, 11)] }),
      )
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'UserError') throw error
    }
  }
  t.pass()
})
