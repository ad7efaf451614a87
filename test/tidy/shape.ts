import { functionsOf, programOf } from './scan.ts'
import { isCode, isProduct, type Source } from './sources.ts'

/** A file that is longer holds two subjects. */
const FILE_BYTES_MAX = 16 * 1024
/** A function fits a screen. */
const FUNCTION_LINES_MAX = 70
/** Files that may be longer, each with its reason. */
const LONG_FILES = new Map<string, string>([])

// Put together here, so that this file passes its own rule.
const MARKS = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX', 'HA' + 'CK'].join('|')})\\b`)
const TEXT_FILE = /\.(ts|mjs|md|json|sh|cfg|conf|service|timer|mount|yml)$/
const EXPORT = /^export (?:async )?(?:abstract )?(?:function\*?|const|let|class|interface|type) (\w+)/

/** Files and functions that are too long. */
export function checkLength(sources: readonly Source[]): string[] {
  const problems: string[] = []
  for (const { path, text } of sources.filter(isProduct)) {
    const bytes = Buffer.byteLength(text)
    if (bytes > FILE_BYTES_MAX && !LONG_FILES.has(path))
      problems.push(`${path} has ${bytes} bytes, more than ${FILE_BYTES_MAX}: which two subjects are in it?`)
    for (const { first, last } of functionsOf(programOf(text))) {
      const lines = last - first + 1
      if (lines > FUNCTION_LINES_MAX)
        problems.push(`${path}:${first} is a function of ${lines} lines, more than ${FUNCTION_LINES_MAX}`)
    }
  }
  for (const path of LONG_FILES.keys()) {
    const source = sources.find(candidate => candidate.path === path)
    if (source === undefined || Buffer.byteLength(source.text) <= FILE_BYTES_MAX)
      problems.push(`${path} needs no exception for its length any more`)
  }
  return problems
}

/** Marks of unfinished work: it is finished, or an issue says what is left. */
export function checkMarks(sources: readonly Source[]): string[] {
  const problems: string[] = []
  for (const { path, text } of sources) {
    if (!TEXT_FILE.test(path) || path === 'package-lock.json') continue
    for (const [index, line] of text.split('\n').entries()) {
      const mark = MARKS.exec(line)?.[0]
      if (mark !== undefined) problems.push(`${path}:${index + 1} has the mark ${mark}`)
    }
  }
  return problems
}

/** Exported things that do not say what they are. A run of lines under one comment shares it. */
export function checkDocs(sources: readonly Source[]): string[] {
  const problems: string[] = []
  for (const { path, text } of sources.filter(isCode)) {
    if (path.endsWith('.test.ts')) continue
    const lines = text.split('\n')
    let documented = false
    for (const [index, line] of lines.entries()) {
      const name = EXPORT.exec(line)?.[1]
      if (name !== undefined) {
        documented = documented || (lines[index - 1] ?? '').trimEnd().endsWith('*/')
        if (!documented) problems.push(`${path}:${index + 1} exports ${name} without a doc comment`)
        // `export const A = 1` lines directly below one another are one group.
        documented = documented && /^export (const|type) .*[^{([]$/.test(line)
      } else {
        documented = false
      }
    }
  }
  return problems
}
