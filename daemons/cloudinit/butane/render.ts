import type { Finding } from '../plan/report.ts'

/** Findings as `butane` writes them, in the order of the document: `error at $.a.b, line 3 col 7: message`. */
export function renderButane(findings: readonly Finding[]): string[] {
  return [...findings]
    .sort((a, b) => a.line - b.line || a.column - b.column)
    .map(({ severity, message, path, line, column }) => {
      const place = line === 0 ? '' : `, line ${line}${column === 0 ? '' : ` col ${column}`}`
      const root = path === '' ? '$' : path.startsWith('[') ? `$${path}` : `$.${path}`
      return `${severity} at ${root}${place}: ${message}`
    })
}
