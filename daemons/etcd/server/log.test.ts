// Lines of the log, which tools read.

import t from 'tap'
import { parseLevel } from '../config/levels.ts'
import { formatLine, isWritten, type Weight } from './log.ts'

const AT_MS = Date.UTC(2026, 10, 23, 15, 50, 15, 324)

t.test('as the original writes them', t => {
  t.equal(
    formatLine('capnslog', AT_MS, 'info', 'etcdmain', 'x'),
    '2026-11-23 15:50:15.324000 I | etcdmain: x\n',
  )
  const letters = (['debug', 'info', 'notice', 'warn', 'error', 'critical'] as Weight[]).map(
    weight => formatLine('capnslog', AT_MS, weight, 'a', '')[27],
  )
  t.equal(letters.join(''), 'DINWEC')
  t.same(JSON.parse(formatLine('zap', AT_MS, 'critical', 'a', 'b')), {
    level: 'fatal',
    ts: '2026-11-23T15:50:15.324Z',
    caller: 'a',
    msg: 'b',
  })
  t.match(
    formatLine('capnslog', AT_MS, 'warn', 'a', 'x\n2026 C | y\u001b[2J'),
    /W \| a: x\\n2026 C \| y\\u001b\[2J\n$/,
    'nobody outside writes lines',
  )
  t.equal(formatLine('zap', AT_MS, 'warn', 'a', 'x\ny').split('\n').length, 2)
  t.end()
})

t.test('levels', t => {
  t.same(['debug', 'INFO', 'Notice', 'warning', 'CRITICAL', 'loud', ''].map(parseLevel), [
    'debug',
    'info',
    'info',
    'warn',
    'error',
    undefined,
    undefined,
  ])
  t.ok(isWritten('notice', 'info') && isWritten('critical', 'error') && isWritten('debug', 'debug'))
  t.notOk(isWritten('debug', 'info') || isWritten('notice', 'warn') || isWritten('warn', 'error'))
  t.end()
})
