/** A change whose answer told its index. */
export interface Numbered {
  call: number
  return: number
  index: number
}

/**
 * Indexes count for the whole store: a change that was called after another one had returned has a higher one, and no
 * two have the same. The search looks at each key alone and cannot see that.
 *
 * @returns what is wrong, or undefined
 */
export function checkIndexOrder(changes: readonly Numbered[]): string | undefined {
  const byCall = changes.toSorted((a, b) => a.call - b.call)
  const byReturn = changes.toSorted((a, b) => a.return - b.return)
  const seen = new Set<number>()
  let returned = 0
  let highest = 0
  for (const { call, index } of byCall) {
    while (returned < byReturn.length && byReturn[returned]!.return < call) {
      highest = Math.max(highest, byReturn[returned]!.index)
      returned += 1
    }
    if (index <= highest) return `a change got index ${index} after one had returned with ${highest}`
    if (seen.has(index)) return `two changes got index ${index}`
    seen.add(index)
  }
  return undefined
}
