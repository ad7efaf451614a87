const CHARACTERS_MAX = 200
const MARK = '…'

/**
 * A text of a stranger as a part of a message: one line, without what moves the cursor of a console, and not too long.
 */
export function shown(text: string): string {
  const line = text.replace(/[\0-\x1f\x7f-\x9f\u2028\u2029]+/g, ' ')
  return line.length > CHARACTERS_MAX ? `${line.slice(0, CHARACTERS_MAX)}${MARK}` : line
}
