import t from 'tap'
import { parseMediaType } from './media-type.ts'

t.test('types are read as Go reads them', t => {
  const good: [value: string, type: string][] = [
    ['text/plain', 'text/plain'],
    [' Text/PLAIN ; charset="utf-8"; a=b', 'text/plain'],
    ['text/plain;', 'text/plain'],
    ['form', 'form'],
    ['multipart/form-data; boundary="a\\"b"', 'multipart/form-data'],
  ]
  for (const [value, type] of good) t.same(parseMediaType(value), { type }, value)
  const bad: [value: string, problem: string][] = [
    ['', 'mime: no media type'],
    ['; a=b', 'mime: no media type'],
    ['text plain', 'mime: expected slash after first token'],
    ['text/', 'mime: expected token after slash'],
    ['text/plain x', 'mime: unexpected content after media subtype'],
    ['text/plain; charset', 'mime: invalid media parameter'],
    ['text/plain; =x', 'mime: invalid media parameter'],
    ['text/plain; a="b', 'mime: invalid media parameter'],
  ]
  for (const [value, problem] of bad) t.same(parseMediaType(value), { problem }, value)
  t.end()
})
