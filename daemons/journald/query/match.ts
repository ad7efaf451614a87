/** What entries are asked for: terms, of which all or one must hold. */
export type Match = { kind: 'term'; data: Buffer } | { kind: 'and' | 'or'; of: readonly Match[] }

/** Letters that a field's name may have. */
const FIELD_NAME = /^[A-Z0-9_]{1,64}$/
/** Terms of one query. */
const TERMS_MAX = 1024

/**
 * Whether a name can be that of a field: capital letters, digits and underscores, no digit first.
 */
export function isFieldName(name: string): boolean {
  return FIELD_NAME.test(name) && !/^[0-9]/.test(name)
}

/**
 * One term: the field has the value, among others perhaps.
 *
 * @throws RangeError when that is no name of a field
 */
export function term(name: string, value: string | Uint8Array): Match {
  if (!isFieldName(name))
    throw new RangeError(`Cannot match ${JSON.stringify(name)}: it is no name of a field`)
  const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value
  return { kind: 'term', data: Buffer.concat([Buffer.from(`${name}=`, 'latin1'), bytes]) }
}

/** All of them. */
export function and(...of: Match[]): Match {
  return { kind: 'and', of }
}

/** One of them at least. */
export function or(...of: Match[]): Match {
  return { kind: 'or', of }
}

/**
 * Reads words the way journalctl does: `FIELD=value` of the same field are alternatives, of different fields all must
 * hold, and `+` stands between alternatives of the whole.
 *
 * @returns undefined for no words: everything
 * @throws RangeError for a word that is neither
 */
export function parseMatches(words: readonly string[]): Match | undefined {
  if (words.length > TERMS_MAX) throw new RangeError(`Cannot match: more than ${TERMS_MAX} words`)
  const groups: Map<string, Match[]>[] = [new Map()]
  for (const [index, word] of words.entries()) {
    if (word === '+') {
      if (groups.at(-1)!.size === 0 || index === words.length - 1)
        throw new RangeError("Cannot match: '+' stands between two terms")
      groups.push(new Map())
      continue
    }
    const equals = word.indexOf('=')
    if (equals < 0) throw new RangeError(`Cannot match ${JSON.stringify(word)}: a term is FIELD=value`)
    const name = word.slice(0, equals)
    const group = groups.at(-1)!
    const terms = group.get(name) ?? []
    terms.push(term(name, word.slice(equals + 1)))
    group.set(name, terms)
  }
  const all = groups
    .filter(group => group.size > 0)
    .map(group => and(...[...group.values()].map(terms => or(...terms))))
  return all.length === 0 ? undefined : or(...all)
}

/** Whether an entry with these `NAME=value` is asked for. */
export function isMatch(match: Match, data: readonly Buffer[]): boolean {
  switch (match.kind) {
    case 'term':
      return data.some(one => one.equals(match.data))
    case 'and':
      return match.of.length > 0 && match.of.every(part => isMatch(part, data))
    case 'or':
      return match.of.some(part => isMatch(part, data))
  }
}
