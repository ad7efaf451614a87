import { shown } from '../source/shown.ts'
import { nearest } from './nearest.ts'

/** What is wrong in a unit file, by its line and column from 1 on. */
export interface UnitProblem {
  line: number
  column: number
  message: string
}

const COMMON = ['Unit', 'Install']
/** Types of units that are nothing without a section of their own. */
const OWN_SECTION: Readonly<Record<string, string>> = {
  automount: 'Automount',
  mount: 'Mount',
  path: 'Path',
  service: 'Service',
  socket: 'Socket',
  swap: 'Swap',
  timer: 'Timer',
}
/** Types of units that can do with the common ones. */
const OTHER_SECTION: Readonly<Record<string, string>> = { scope: 'Scope', slice: 'Slice', target: 'Target' }

/**
 * Looks through a unit file (systemd.syntax(7)): sections, assignments, comments, continued lines.
 *
 * @param unit its name, when its sections are to be looked at too
 * @param whole false for a drop-in, which needs no section of its own
 */
export function checkUnitFile(text: string, unit?: string, whole = true): UnitProblem[] {
  const problems: UnitProblem[] = []
  const sections = new Set<string>()
  const type = unit === undefined ? '' : unit.slice(unit.lastIndexOf('.') + 1)
  let continued = false
  for (const [index, source] of text.split('\n').entries()) {
    const line = source.trim()
    // Comments between continued lines do not end them.
    if (line === '' ? !continued : /^[#;]/.test(line)) continue
    const wasContinued = continued
    continued = endsContinued(line)
    if (wasContinued) continue
    const problem = problemOf(line, sections, type)
    const column = source.length - source.trimStart().length + 1
    if (problem !== undefined) problems.push({ line: index + 1, column, message: problem })
  }
  const own = Object.hasOwn(OWN_SECTION, type) ? OWN_SECTION[type] : undefined
  if (whole && problems.length === 0 && own !== undefined && !sections.has(own))
    problems.push({ line: 1, column: 1, message: `${shown(unit ?? '')} has no [${own}] section` })
  return problems
}

/** Whether a unit file says how it is enabled. */
export function hasInstall(text: string): boolean {
  return /^[ \t]*\[Install\][ \t\r]*$/m.test(text)
}

function problemOf(line: string, sections: Set<string>, type: string): string | undefined {
  if (line.startsWith('[')) {
    const section = /^\[([^[\]]+)\]$/.exec(line)?.[1]
    sections.add(section ?? '')
    return section === undefined ? `'${shown(line)}' is no section` : unknownSection(section, type)
  }
  if (!/^[^=\s][^=]*=/.test(line)) return `'${shown(line)}' is neither a section nor NAME=VALUE`
  return sections.size === 0 ? `'${shown(line)}' stands before any section` : undefined
}

/** Sections that systemd would pass over. Those of systemd-networkd are many, and grow. */
function unknownSection(section: string, type: string): string | undefined {
  const own = { ...OWN_SECTION, ...OTHER_SECTION }
  if (!Object.hasOwn(own, type) || section.startsWith('X-')) return undefined
  const known = [...COMMON, own[type]!]
  if (known.includes(section)) return undefined
  const found = nearest(section, known)
  return `[${shown(section)}] is no section of a ${type}${found === undefined ? '' : `: did you mean [${found}]?`}`
}

/** Two backslashes are one that is meant. */
function endsContinued(line: string): boolean {
  return /\\*$/.exec(line)![0].length % 2 === 1
}
