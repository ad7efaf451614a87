import { FLEET_VERSION } from '#lib/fleet/version.ts'

const RULE = '#'.repeat(68)
const SEMVER = /^(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/

/** What the original's client would compare itself by: ours without the mark of its builder. */
const OWN = FLEET_VERSION.replace(/^v/, '').replace(/-orlop$/, '')

/**
 * Warns of a cluster that is newer than this program; `''` when none is. Versions that begin with `v`, as those of
 * released daemons do, are compared by nobody (spec fleet a.5).
 */
export function versionBanner(versions: readonly string[]): string {
  const known = versions.filter(version => SEMVER.test(version)).sort(compareVersions)
  const newest = known.at(-1)
  if (newest === undefined || compareVersions(newest, OWN) <= 0) return ''
  return `${RULE}
WARNING: fleetctl (${OWN}) is older than the latest registered
fleetd of the cluster (${newest}). What is new there it may
not understand: please bring fleetctl up to date.
${RULE}
`
}

/** By the rules of semantic versions: a pre-release is older than its release, build words do not count. */
function compareVersions(a: string, b: string): number {
  const [left, right] = [partsOf(a), partsOf(b)]
  for (const [at, number] of left.numbers.entries()) {
    const difference = number - right.numbers[at]!
    if (difference !== 0) return difference
  }
  if (left.pre.length === 0 || right.pre.length === 0) return right.pre.length - left.pre.length
  for (let at = 0; at < Math.max(left.pre.length, right.pre.length); at++) {
    const difference = compareWords(left.pre[at], right.pre[at])
    if (difference !== 0) return difference
  }
  return 0
}

function partsOf(version: string): { numbers: number[]; pre: string[] } {
  const [, major, minor, patch, pre] = SEMVER.exec(version)!
  const words = pre === undefined ? [] : pre.slice(1).split('.')
  return { numbers: [Number(major), Number(minor), Number(patch)], pre: words }
}

function compareWords(a: string | undefined, b: string | undefined): number {
  if (a === undefined || b === undefined) return a === b ? 0 : a === undefined ? -1 : 1
  const [isNumber, isOtherNumber] = [/^\d+$/.test(a), /^\d+$/.test(b)]
  if (isNumber && isOtherNumber) return Number(a) - Number(b)
  if (isNumber !== isOtherNumber) return isNumber ? -1 : 1
  return a < b ? -1 : a > b ? 1 : 0
}
