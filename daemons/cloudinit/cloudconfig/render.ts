import type { Finding } from '../plan/report.ts'

/** Findings as lines, in the order of the document: `line 3:7: warning: …`. */
export function renderFindings(findings: readonly Finding[]): string[] {
  return [...findings]
    .sort((a, b) => a.line - b.line || a.column - b.column)
    .map(({ severity, message, line, column }) => {
      const at = line === 0 ? '' : column === 0 ? `line ${line}: ` : `line ${line}:${column}: `
      return `${at}${severity}: ${message}`
    })
}
