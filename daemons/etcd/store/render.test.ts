import t from 'tap'
import { messageOf, renderError, StoreError, statusOfError } from './errors.ts'
import { Event } from './event.ts'
import { Due } from './expiry.ts'
import { newDirectory, newFile } from './node.ts'
import { escaped, isPlain, quote } from './quote.ts'
import { bytesOfEvent, renderEvent, renderGet, renderTime } from './render.ts'
import { renderStats, Stats } from './stats.ts'

t.test('strings are escaped as Go does', t => {
  const cases: [text: string, wanted: string][] = [
    ['plain é 日本 \x7f', '"plain é 日本 \x7f"'],
    ['"\\', '"\\"\\\\"'],
    ['\n\r\t', '"\\n\\r\\t"'],
    ['\0\b\f\x1f', '"\\u0000\\u0008\\u000c\\u001f"'],
    ['<a href="x">&', '"\\u003ca href=\\"x\\"\\u003e\\u0026"'],
    ['\u2028\u2029', '"\\u2028\\u2029"'],
    ['😀<😀', '"😀\\u003c😀"'],
    ['\ud83d', '"\ufffd"'],
    ['\ude00\ud83dx', '"\ufffd\ufffdx"'],
    ['', '""'],
  ]
  for (const [text, wanted] of cases) {
    t.equal(quote(text), wanted, wanted)
    t.equal(`"${escaped(text)}"`, wanted, `${wanted} without looking first`)
    if (text.isWellFormed()) t.equal(JSON.parse(quote(text)), text)
  }
  for (let code = 0; code < 0x3000; code++) {
    const char = String.fromCharCode(code)
    if (isPlain(char) !== (quote(char) === `"${char}"`)) t.fail(`U+${code.toString(16)}`)
    if (JSON.parse(quote(char)) !== char) t.fail(`U+${code.toString(16)} comes back`)
  }
  t.end()
})

t.test('times have no zeros at their end', t => {
  const cases: [ms: number, wanted: string][] = [
    [Date.UTC(2026, 0, 2, 3, 4, 5), '2026-01-02T03:04:05Z'],
    [Date.UTC(2026, 0, 2, 3, 4, 0, 120), '2026-01-02T03:04:00.12Z'],
    [Date.UTC(2026, 0, 2, 3, 4, 50, 1), '2026-01-02T03:04:50.001Z'],
    [Date.UTC(2026, 0, 2, 3, 4, 50, 100), '2026-01-02T03:04:50.1Z'],
  ]
  for (const [ms, wanted] of cases) t.equal(renderTime(ms), wanted)
  t.end()
})

t.test('an event has its fields in order, and its bytes once', t => {
  const at = Date.UTC(2026, 0, 1)
  const node = newFile('<b>', 5, 7, new Due('/1/k<', at, 7))
  const event = new Event('update', '/1/k<', 7, node, newDirectory(5, 5, undefined), false)
  const wanted = (ttl: string) =>
    '{"action":"update","node":{"key":"/k\\u003c","value":"\\u003cb\\u003e","expiration":"2026-01-01T00:00:00Z",' +
    `${ttl}"modifiedIndex":7,"createdIndex":5},"prevNode":{"key":"/k\\u003c","dir":true,"modifiedIndex":5,"createdIndex":5}}\n`
  t.equal(renderEvent(event, at - 1001), wanted('"ttl":2,'))
  t.equal(renderEvent(event, at - 1000), wanted('"ttl":1,'))
  t.equal(renderEvent(event, at - 1), wanted('"ttl":1,'))
  t.equal(renderEvent(event, at), wanted(''))
  t.equal(renderEvent(event, at + 999), wanted(''))
  t.equal(renderEvent(event, at + 1000), wanted('"ttl":-1,'))
  const bytes = bytesOfEvent(event, at - 1)
  t.equal(bytes.toString(), wanted('"ttl":1,'))
  t.equal(bytesOfEvent(event, at), bytes)
  t.end()
})

t.test('listings escape names and go as deep as keys do, up to a bound', t => {
  const chain = (length: number, name: string) => {
    const root = newDirectory(1, 1, undefined)
    let at = root
    for (let depth = 0; depth < length; depth++) {
      const below = newDirectory(1, 1, undefined)
      at.children!.set(name, below)
      at = below
    }
    return root
  }
  const listing = { recursive: true, sorted: true }
  const text = renderGet('/1/d', chain(2000, '"'), listing, 0)!
  t.ok(
    text.startsWith(
      '{"action":"get","node":{"key":"/d","dir":true,"nodes":[{"key":"/d/\\"","dir":true,"nodes":[',
    ),
  )
  t.equal(text.split('"nodes":').length, 2001)
  JSON.parse(text)
  t.equal(
    renderGet('/1/d', chain(20_000, '"'), listing, 0),
    undefined,
    'it would be larger than a string can be',
  )
  t.type(renderGet('/1/d', chain(20_000, '"'), { recursive: false, sorted: true }, 0), 'string')
  t.end()
})

t.test('refusals', t => {
  const error = new StoreError(100, '/1/a"b', 7)
  t.equal(renderError(error), '{"errorCode":100,"message":"Key not found","cause":"/a\\"b","index":7}\n')
  t.equal(statusOfError(error), 404)
  t.equal(renderError(new StoreError(102, '/1', 7)), '{"errorCode":102,"message":"Not a file","index":7}\n')
  const statuses: [code: number, status: number][] = [
    [101, 412],
    [102, 403],
    [104, 400],
    [105, 412],
    [107, 400],
    [108, 403],
    [110, 401],
    [210, 400],
    [300, 500],
    [301, 500],
    [401, 400],
    [500, 400],
  ]
  for (const [code, status] of statuses) {
    t.equal(statusOfError(new StoreError(code, '', 0)), status, `${code}`)
    t.not(messageOf(code), '')
  }
  t.end()
})

t.test('statistics have the order of the original', t => {
  t.equal(
    renderStats(new Stats(), 3),
    '{"getsSuccess":0,"getsFail":0,"setsSuccess":0,"setsFail":0,"deleteSuccess":0,"deleteFail":0,"updateSuccess":0,' +
      '"updateFail":0,"createSuccess":0,"createFail":0,"compareAndSwapSuccess":0,"compareAndSwapFail":0,' +
      '"compareAndDeleteSuccess":0,"compareAndDeleteFail":0,"expireCount":0,"watchers":3}',
  )
  t.end()
})
