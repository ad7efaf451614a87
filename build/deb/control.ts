/** The fields of one stanza of a Debian control file, by lower-case name. Continuation lines keep their newline. */
export type Stanza = Map<string, string>

/**
 * Parses Debian control data (deb822: `Packages`, `Release`, a package's `control`, apt's `*.sources`) into
 * stanzas. Lines that start with `#` are comments. Lines that are no field are ignored, as apt does.
 */
export function parseStanzas(text: string): Stanza[] {
  const stanzas: Stanza[] = []
  let stanza: Stanza = new Map()
  let name: string | undefined
  for (const line of text.split('\n')) {
    if (line.startsWith('#')) continue
    if (line.trim() === '') {
      if (stanza.size > 0) stanzas.push(stanza)
      stanza = new Map()
      name = undefined
      continue
    }
    if (line.startsWith(' ') || line.startsWith('\t')) {
      if (name !== undefined) stanza.set(name, `${stanza.get(name)}\n${line.trim()}`)
      continue
    }
    const colon = line.indexOf(':')
    if (colon <= 0) {
      name = undefined
      continue
    }
    name = line.slice(0, colon).toLowerCase()
    stanza.set(name, line.slice(colon + 1).trim())
  }
  if (stanza.size > 0) stanzas.push(stanza)
  return stanzas
}
