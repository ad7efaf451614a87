/** Bytes from which a value is too long to be shown, unless all is asked for. */
export const SHOWN_BYTES_MAX = 300

const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/
const NEWLINE = /\n/
/** Code points that stand for no character, which the original does not print. */
const NO_CHARACTER =
  /[\ufdd0-\ufdef\ufffe\uffff]|[\ud83f\ud87f\ud8bf\ud8ff\ud93f\ud97f\ud9bf\ud9ff\uda3f\uda7f\udabf\udaff\udb3f\udb7f\udbbf\udbff][\udffe\udfff]/
const STRICT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Bytes as text, when they are UTF-8 without control characters.
 *
 * @param allowNewline whether a line end counts as printable
 */
export function printable(bytes: Buffer, allowNewline = true): string | undefined {
  let text: string
  try {
    text = STRICT.decode(bytes)
  } catch {
    return undefined
  }
  if (CONTROL.test(text) || NO_CHARACTER.test(text) || (!allowNewline && NEWLINE.test(text))) return undefined
  return text
}

const UNITS = ['E', 'P', 'T', 'G', 'M', 'K']

/** A number of bytes for people: `312B`, `64K`, `1.5M`. */
export function formatBytes(count: number): string {
  for (const [index, unit] of UNITS.entries()) {
    const factor = 1024 ** (UNITS.length - index)
    if (count < factor) continue
    const tenth = Math.floor((count * 10) / factor) % 10
    return `${Math.floor(count / factor)}${tenth > 0 ? `.${tenth}` : ''}${unit}`
  }
  return `${count}B`
}

/** What is said instead of bytes that cannot be shown. */
export function blob(bytes: Buffer): string {
  return `[${formatBytes(bytes.length)} blob data]`
}

/**
 * What the original changes in messages: colours, links and titles go, and the return before a line end; tabs become
 * spaces. Another character behind an escape stays as it is, whatever it is.
 */
const TERMINAL = /\u001b\[[0-9;\u0000]*m|\u001b\][ -~]*(?:\u0007|\u001b\\)|\u001b[^[\]]|\r+(?=\n|$)|\t/g
const TAB = ' '.repeat(8)

/** A message without what would colour or move the cursor of a terminal. */
export function stripTerminal(bytes: Buffer): Buffer {
  if (!bytes.includes(0x1b) && !bytes.includes(0x09) && !bytes.includes(0x0d)) return bytes
  const plain = bytes.toString('latin1').replaceAll(TERMINAL, found => {
    if (found === '\t') return TAB
    return found.length === 2 && found[0] === '\u001b' ? found : ''
  })
  return Buffer.from(plain, 'latin1')
}

/**
 * The lines of a text, each but the first moved in as far. As at journalctl a line is shown up to a zero byte, and a
 * line end at the end begins no line.
 */
export function indent(bytes: Buffer, columns: number): Buffer {
  const lines = bytes.toString('latin1').split('\n')
  if (lines.length > 1 && lines.at(-1) === '') lines.pop()
  const shown = lines.map(line => (line.includes('\0') ? line.slice(0, line.indexOf('\0')) : line))
  return Buffer.from(shown.join(`\n${' '.repeat(columns)}`), 'latin1')
}
