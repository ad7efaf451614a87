/** A unit or preset-like file: sections with assignments in order. An empty value empties the list before it. */
export interface UnitFile {
  /** All values assigned to a key of a section, in order; empty when there are none. */
  values(section: string, key: string): string[]
  /** The words of all values assigned to a key. */
  words(section: string, key: string): string[]
}

/** Parses the syntax of systemd.syntax(7); what is no assignment is ignored, as systemd does with a warning. */
export function parseUnit(...texts: string[]): UnitFile {
  const assignments = new Map<string, string[]>()
  for (const text of texts) parseInto(text, assignments)
  return {
    values: (section, key) => assignments.get(`${section}.${key}`) ?? [],
    words: (section, key) =>
      (assignments.get(`${section}.${key}`) ?? []).flatMap(value => value.split(/\s+/)),
  }
}

function parseInto(text: string, assignments: Map<string, string[]>): void {
  let section = ''
  for (const line of joinLines(text)) {
    const header = /^\[(.+)\]$/.exec(line)
    if (header) {
      section = header[1]!
      continue
    }
    const match = /^([A-Za-z0-9]+)\s*=\s*(.*)$/.exec(line)
    if (!match) continue
    const key = `${section}.${match[1]}`
    const value = match[2]!.trim()
    if (value === '') assignments.set(key, [])
    else assignments.set(key, [...(assignments.get(key) ?? []), value])
  }
}

/** The lines with continued ones joined; comments and empty lines left out, also within a continued line. */
function joinLines(text: string): string[] {
  const lines: string[] = []
  let open = ''
  for (const raw of text.split('\n')) {
    const line = raw.trim()
    if (line.startsWith('#') || line.startsWith(';') || (line === '' && open === '')) continue
    if (line.endsWith('\\')) {
      open += `${line.slice(0, -1)} `
      continue
    }
    lines.push((open + line).trim())
    open = ''
  }
  return open === '' ? lines : [...lines, open.trim()]
}
