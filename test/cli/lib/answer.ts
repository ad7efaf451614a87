import type { Test } from 'tap'
import type { Said } from './checkout.ts'

/** Nobody answers there: what is not in the cache cannot be had. */
export const NO_MIRROR = 'http://127.0.0.1:9/debian'

/**
 * A command has failed as people can bear it: one line that says what is wrong, no stack, nothing on stdout.
 *
 * @param status 1 for work that failed, 2 for a command line that is wrong
 */
export function saysOneLine(t: Test, said: Said, pattern: RegExp, status = 1): void {
  const lines = said.stderr.trimEnd().split('\n')
  t.match(lines[0], pattern)
  t.match(lines[0], /^orlop: /)
  t.equal(lines.length, 1, `one line: ${said.stderr}`)
  t.equal(said.code, status, 'exit status')
  t.equal(said.stdout, '', 'nothing on stdout')
}
