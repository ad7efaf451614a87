import t from 'tap'
import { renderFindings } from '../cloudconfig/render.ts'
import { readJson } from './json.ts'

t.test('values keep their places', t => {
  const { value, findings } = readJson('{"a": [1,\n  {"b-c": "x"}],\n "d": null}')
  t.same(findings, [])
  t.same(value, {
    kind: 'map',
    origin: { path: '', line: 1, column: 1 },
    entries: [
      {
        key: 'a',
        name: 'a',
        origin: { path: 'a', line: 1, column: 2 },
        value: {
          kind: 'list',
          origin: { path: 'a', line: 1, column: 7 },
          items: [
            { kind: 'text', text: '1', quoted: false, origin: { path: 'a[0]', line: 1, column: 8 } },
            {
              kind: 'map',
              origin: { path: 'a[1]', line: 2, column: 3 },
              entries: [
                {
                  key: 'b-c',
                  name: 'b-c',
                  origin: { path: 'a[1].b-c', line: 2, column: 4 },
                  value: {
                    kind: 'text',
                    text: 'x',
                    quoted: true,
                    origin: { path: 'a[1].b-c', line: 2, column: 11 },
                  },
                },
              ],
            },
          ],
        },
      },
      {
        key: 'd',
        name: 'd',
        origin: { path: 'd', line: 3, column: 2 },
        value: { kind: 'text', text: 'null', quoted: false, origin: { path: 'd', line: 3, column: 7 } },
      },
    ],
  })
  t.end()
})

t.test('strings are what JSON.parse says', t => {
  for (const text of [
    '',
    'é😀',
    '\u0000\b\f\n\r\t"\\/',
    '<<',
    '~',
    'a: b # c',
    '\ud800',
    'x'.repeat(300_000),
  ]) {
    const { value } = readJson(JSON.stringify(text))
    t.ok(value?.kind === 'text' && value.text === text, text.slice(0, 20))
  }
  const escaped = readJson('"\\u00e9\\ud83d\\ude00\\/"').value
  t.match(escaped, { text: 'é😀/' })
  t.end()
})

t.test('a key stands once', t => {
  t.same(renderFindings(readJson('{"a": 1,\n "a": 2}').findings), [
    'line 2:2: error: "a" is there already, in line 1',
  ])
  t.same(readJson('{"__proto__": 1, "constructor": 2}').findings, [])
  t.end()
})

t.test('what is no JSON is told with its place', t => {
  const cases: [string, string][] = [
    ['', '1:1: error: no JSON: is empty: an object in braces is wanted'],
    [' \n ', '2:2: error: no JSON: is empty: an object in braces is wanted'],
    ['{', '1:2: error: no JSON: a key in double quotes is wanted, not the end'],
    ['{"a" 1}', '1:6: error: no JSON: a colon is wanted behind the key "a", not \'1\''],
    ['{"a":\n 1 "b": 2}', "2:4: error: no JSON: a comma or } is wanted, not '\"'"],
    ['{"a": 1,\n}', '2:1: error: no JSON: no comma may stand before }'],
    ['[1,]', '1:4: error: no JSON: no comma may stand before ]'],
    ['[1 2]', "1:4: error: no JSON: a comma or ] is wanted, not '2'"],
    ['{"a": }', "1:7: error: no JSON: a value is missing before '}'"],
    ["{'a': 1}", '1:2: error: no JSON: keys are in double quotes, not in single ones'],
    ['{"a": \'b\'}', '1:7: error: no JSON: strings are in double quotes, not in single ones'],
    ['{a: 1}', "1:2: error: no JSON: a key in double quotes is wanted, not 'a'"],
    ['{"a": True}', "1:7: error: no JSON: a value is wanted, not 'True'"],
    ['{"a": 0644}', "1:7: error: no JSON: '0644' is no number of JSON"],
    ['{"a": 1.}', "1:7: error: no JSON: '1.' is no number of JSON"],
    ['{"a": "b\n"}', '1:7: error: no JSON: the string does not end in its line'],
    ['{"a": "b\tc"}', '1:9: error: no JSON: a control character stands in a string: write \\u0009'],
    ['{"a": "C:\\x"}', '1:10: error: no JSON: \\x means nothing in a string; a backslash is written \\\\'],
    ['{"a": "\\u12"}', '1:8: error: no JSON: \\u is followed by four hexadecimal digits'],
    ['// hello\n{}', '1:1: error: no JSON: JSON has no comments'],
    ['{ /* hello */ }', '1:3: error: no JSON: JSON has no comments'],
    ['{} {}', "1:4: error: no JSON: nothing may follow the document, but '{' does"],
    ['\u202e', "1:1: error: no JSON: a value is wanted, not '\\u202e'"],
    ['['.repeat(70), '1:66: error: no JSON: is nested deeper than 64'],
  ]
  for (const [text, line] of cases)
    t.same(renderFindings(readJson(text).findings), [`line ${line}`], JSON.stringify(text.slice(0, 30)))
  t.end()
})
