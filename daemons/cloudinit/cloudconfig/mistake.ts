import type { YAMLError } from 'yaml'

/** What the parser says to a programmer, and what it means for whoever wrote the file. */
const CLEARER: Readonly<Partial<Record<YAMLError['code'], string>>> = {
  TAB_AS_INDENT: 'a tab can not indent: use spaces',
  RESOURCE_EXHAUSTION: 'the document is nested too deep',
  MULTIPLE_DOCS: 'a second document begins here: only one is read',
  BLOCK_AS_IMPLICIT_KEY:
    'a key can not follow in the line of another key: is a quote or a line break missing?',
  MULTILINE_IMPLICIT_KEY: 'this line has no colon: is it a key without a value, or indented too little?',
  BAD_SCALAR_START: 'a value that begins with this character needs quotes',
}

/** A mistake in YAML as one clear line. */
export function describeMistake({ code, message }: YAMLError): string {
  const clearer = CLEARER[code]
  if (clearer !== undefined) return clearer
  const line = message
    .split('\n', 1)[0]!
    .replace(/ at line \d+, column \d+:?$/, '')
    .replace(/[.:]$/, '')
    .replace(/^Missing closing (['"])quote$/, 'the quote $1 is not closed')
  return line.replace(/^[A-Z](?=[a-z])/, letter => letter.toLowerCase())
}
