import type { Finding } from '../plan/report.ts'

/** Findings as lines, in the order of the document: `line 3:7: warning: …`. */
export function renderFindings(findings: readonly Finding[]): string[] {
  return sortFindings(findings).map(finding => {
    const { line, column } = finding
    return `${line === 0 ? '' : column === 0 ? `line ${line}: ` : `line ${line}:${column}: `}${sentence(finding)}`
  })
}

/** Findings as the lines that the original's `-validate` printed: `line 3: warning: …`. */
export function renderOriginal(findings: readonly Finding[]): string[] {
  // What is about the whole was about its first line.
  return sortFindings(findings).map(finding => `line ${Math.max(1, finding.line)}: ${sentence(finding)}`)
}

/** Findings in the order of the document; those of one place in the order in which they were found. */
export function sortFindings(findings: readonly Finding[]): Finding[] {
  return findings.toSorted((a, b) => a.line - b.line || a.column - b.column)
}

function sentence({ severity, message }: Finding): string {
  return `${severity}: ${message}`
}
