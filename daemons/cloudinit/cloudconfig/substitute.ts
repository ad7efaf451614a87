import type { Substitutes } from '../plan/report.ts'

const VARIABLE = /(\\?)\$(public_ipv4|private_ipv4|public_ipv6|private_ipv6)/g

/** A variable that stands for nothing that is known. */
export interface Missing {
  name: string
  line: number
  column: number
}

/**
 * Puts addresses in the place of `$private_ipv4` and its like, all over a text, before it is read (specification f.5).
 * What is not known becomes nothing; a backslash before it keeps it as it is.
 */
export function substitute(text: string, values: Substitutes): { text: string; missing: Missing[] } {
  const missing: Missing[] = []
  const replaced = text.replaceAll(
    VARIABLE,
    (all, backslash: string, name: keyof Substitutes, offset: number) => {
      if (backslash !== '') return all.slice(1)
      const value = values[name]
      if (value !== undefined) return value
      const before = text.slice(0, offset)
      // In a comment it is nothing that anybody misses.
      if (/^\s*#/.test(before.slice(before.lastIndexOf('\n') + 1))) return ''
      missing.push({ name, line: before.split('\n').length, column: offset - before.lastIndexOf('\n') })
      return ''
    },
  )
  return { text: replaced, missing }
}
