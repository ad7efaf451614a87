/** What is wrong in a unit file, by its line from 1 on. */
export interface UnitProblem {
  line: number
  message: string
}

/** Looks through a unit file (systemd.syntax(7)): sections, assignments, comments, continued lines. */
export function checkUnitFile(text: string): UnitProblem[] {
  const problems: UnitProblem[] = []
  let section = ''
  let continued = false
  for (const [index, source] of text.split('\n').entries()) {
    const line = source.trim()
    const wasContinued = continued
    continued = line.endsWith('\\')
    if (wasContinued) {
      // Comments between continued lines do not end them.
      if (/^[#;]/.test(line)) continued = true
      continue
    }
    if (line === '' || /^[#;]/.test(line)) continue
    if (line.startsWith('[')) {
      if (!/^\[[^[\]]+\]$/.test(line)) problems.push({ line: index + 1, message: `'${line}' is no section` })
      section = line
    } else if (!/^[A-Za-z0-9_-]+\s*=/.test(line)) {
      problems.push({ line: index + 1, message: `'${line}' is neither a section nor NAME=VALUE` })
    } else if (section === '') {
      problems.push({ line: index + 1, message: `'${line}' stands before any section` })
    }
  }
  return problems
}

/** Whether a unit file says how it is enabled. */
export function hasInstall(text: string): boolean {
  return /^\s*\[Install\]\s*$/m.test(text)
}
