const DISTANCE_MAX = 2

/** The word that was probably meant: at most two letters away; undefined when none is. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  let best: string | undefined
  let least = Math.min(DISTANCE_MAX, Math.floor(word.length / 2)) + 1
  for (const other of words) {
    const found = distance(word, other)
    if (found < least) {
      least = found
      best = other
    }
  }
  return best
}

/** Letters to be changed, put in or left out (Levenshtein). */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > DISTANCE_MAX) return DISTANCE_MAX + 1
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    row = next
  }
  return row[b.length]!
}
