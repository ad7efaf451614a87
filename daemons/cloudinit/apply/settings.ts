/** A line `NAME=value`. */
export interface Setting {
  name: string
  value: string
}

/**
 * A file of `NAME=value` lines after some were set: lines of these names are replaced where they stand, a second line
 * of the same name goes, others are kept as they are, and new names follow at the end in the order given.
 */
export function editSettings(text: string, settings: readonly Setting[]): string {
  const values = new Map(settings.map(({ name, value }) => [name, value]))
  const written = new Set<string>()
  const lines = text === '' ? [] : text.replace(/\n$/, '').split('\n')
  const edited: string[] = []
  for (const line of lines) {
    const name = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=/.exec(line)?.[1]
    if (name === undefined || !values.has(name)) edited.push(line)
    else if (!written.has(name)) {
      edited.push(`${name}=${values.get(name)}`)
      written.add(name)
    }
  }
  for (const [name, value] of values) if (!written.has(name)) edited.push(`${name}=${value}`)
  return edited.map(line => `${line}\n`).join('')
}
