/** Priorities of syslog, from the most urgent. */
export const PRIORITIES = ['emerg', 'alert', 'crit', 'err', 'warning', 'notice', 'info', 'debug'] as const

/** How urgent a message is. */
export type Priority = (typeof PRIORITIES)[number]

/** Who speaks on a stream to journald, and where else it goes. */
export interface StreamHeader {
  /** SYSLOG_IDENTIFIER of the entries. */
  identifier: string
  /** Unit of the entries; journald believes only root, and sets the unit of others itself. */
  unit?: string | undefined
  /** Of lines that do not say it themselves. */
  priority?: Priority | undefined
  forwardToSyslog?: boolean | undefined
  forwardToKmsg?: boolean | undefined
  forwardToConsole?: boolean | undefined
}

/**
 * Bytes of a line without its prefix. journald by itself cuts lines at 48 KiB, and what it cuts off would have no
 * priority.
 */
export const LINE_BYTES_MAX = 32 * 1024
/** Bytes of a message; the rest is left out. */
export const MESSAGE_BYTES_MAX = 256 * 1024
const IDENTIFIER_BYTES_MAX = 255

/**
 * What a stream to journald begins with: seven lines.
 *
 * @throws RangeError for an identifier or unit that is no line
 */
export function encodeStreamHeader(header: StreamHeader): string {
  for (const [name, value] of [
    ['identifier', header.identifier],
    ['unit', header.unit ?? ''],
  ] as const) {
    if (/[\n\0]/.test(value) || Buffer.byteLength(value) > IDENTIFIER_BYTES_MAX)
      throw new RangeError(
        `Cannot write to the journal: ${name} ${JSON.stringify(value.slice(0, 80))} is no short line`,
      )
  }
  const flag = (value: boolean | undefined): string => (value === true ? '1' : '0')
  const lines = [
    header.identifier,
    header.unit ?? '',
    String(PRIORITIES.indexOf(header.priority ?? 'info')),
    '1', // Every line brings its priority along.
    flag(header.forwardToSyslog),
    flag(header.forwardToKmsg),
    flag(header.forwardToConsole),
  ]
  return `${lines.join('\n')}\n`
}

/**
 * A message for a stream: each line with its priority before it. A line is an entry of its own, so a message with
 * several lines becomes several; journald leaves out empty ones. Zero bytes end a line for journald too.
 */
export function encodeMessage(message: string, priority: Priority): Buffer {
  const prefix = Buffer.from(`<${PRIORITIES.indexOf(priority)}>`)
  const newline = Buffer.from('\n')
  const pieces: Buffer[] = []
  let left = MESSAGE_BYTES_MAX
  for (const line of message.split(/[\n\0]/)) {
    let bytes = Buffer.from(line.trimEnd(), 'utf8')
    while (bytes.length > 0 && left > 0) {
      const part = bytes.subarray(0, cutOf(bytes, Math.min(LINE_BYTES_MAX, left)))
      if (part.length === 0) return Buffer.concat(pieces)
      pieces.push(prefix, part, newline)
      left -= part.length
      bytes = bytes.subarray(part.length)
    }
  }
  return Buffer.concat(pieces)
}

/** Where to cut so that no character is cut through. */
function cutOf(bytes: Buffer, max: number): number {
  if (bytes.length <= max) return bytes.length
  let cut = max
  while (cut > 0 && (bytes[cut]! & 0xc0) === 0x80) cut--
  return cut
}
