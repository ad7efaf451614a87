import type { Relation } from './dependency.ts'

/**
 * Compares two Debian versions (`epoch:upstream-revision`) as dpkg does: negative when `a` is older, 0 when they
 * are the same, positive when it is newer. Debian policy 5.6.12.
 */
export function compareVersions(a: string, b: string): number {
  const left = splitVersion(a)
  const right = splitVersion(b)
  return (
    left.epoch - right.epoch ||
    comparePart(left.upstream, right.upstream) ||
    comparePart(left.revision, right.revision)
  )
}

/** Whether `version` stands in `relation` to `bound`, as in `Depends: libc6 (>= 2.38)`. */
export function satisfies(version: string, relation: Relation, bound: string): boolean {
  const order = compareVersions(version, bound)
  switch (relation) {
    case '<<':
      return order < 0
    case '<=':
      return order <= 0
    case '=':
      return order === 0
    case '>=':
      return order >= 0
    case '>>':
      return order > 0
  }
}

function splitVersion(version: string): { epoch: number; upstream: string; revision: string } {
  const colon = version.indexOf(':')
  const epoch = colon < 0 ? 0 : Number(version.slice(0, colon)) || 0
  const rest = version.slice(colon + 1)
  const dash = rest.lastIndexOf('-')
  if (dash < 0) return { epoch, upstream: rest, revision: '' }
  return { epoch, upstream: rest.slice(0, dash), revision: rest.slice(dash + 1) }
}

/** Compares by turns a run of non-digits (by `rank`) and a run of digits (as a number). */
function comparePart(a: string, b: string): number {
  let i = 0
  let j = 0
  while (i < a.length || j < b.length) {
    while ((i < a.length && !isDigit(a, i)) || (j < b.length && !isDigit(b, j))) {
      const order = rank(a, i) - rank(b, j)
      if (order !== 0) return order
      i += 1
      j += 1
    }
    const numberA = /^\d*/.exec(a.slice(i))![0]
    const numberB = /^\d*/.exec(b.slice(j))![0]
    const order = compareNumbers(numberA, numberB)
    if (order !== 0) return order
    i += numberA.length
    j += numberB.length
  }
  return 0
}

/** `~` sorts before the end of the part, the end (and a digit, which ends the run) before letters, letters before the rest. */
function rank(text: string, index: number): number {
  if (index >= text.length || isDigit(text, index)) return 0
  const character = text[index]!
  if (character === '~') return -1
  const code = character.charCodeAt(0)
  return /[A-Za-z]/.test(character) ? code : code + 256
}

function isDigit(text: string, index: number): boolean {
  const code = text.charCodeAt(index)
  return code >= 48 && code <= 57
}

/** Compares runs of digits without a limit on their length: versions hold dates and hashes longer than 2^53. */
function compareNumbers(a: string, b: string): number {
  const left = a.replace(/^0+/, '')
  const right = b.replace(/^0+/, '')
  if (left.length !== right.length) return left.length - right.length
  return left < right ? -1 : left > right ? 1 : 0
}
