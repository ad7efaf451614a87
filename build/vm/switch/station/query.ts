/** A question of DNS (RFC 1035, 4.1). */
export interface Query {
  /** Of the name, in lower case; a byte is a letter of latin1. */
  labels: string[]
  type: number
  class: number
  /** Where the question ends. */
  end: number
  /** What came with EDNS (RFC 6891). */
  options: { version: number; flags: number } | undefined
}

const HEADER_BYTES = 12
const LABEL_BYTES_MAX = 63
const NAME_BYTES_MAX = 255
const OPT = 41

/** Reads the one question of a message of at least a header; undefined when it has another form. */
export function readQuery(bytes: Buffer): Query | undefined {
  const count = (at: number) => bytes.readUInt16BE(at)
  // One question; no answers, no authorities.
  if (count(4) !== 1 || count(6) !== 0 || count(8) !== 0) return undefined
  const name = readName(bytes, HEADER_BYTES)
  if (name === undefined || name.end + 4 > bytes.length) return undefined
  const end = name.end + 4
  const more = readAdditional(bytes, end, count(10))
  if (more === undefined) return undefined
  return {
    labels: name.labels,
    type: count(name.end),
    class: count(name.end + 2),
    end,
    options: more.options,
  }
}

/** Records beside the question: they have to fill the rest exactly, and options come once. */
function readAdditional(
  bytes: Buffer,
  start: number,
  records: number,
): { options: Query['options'] } | undefined {
  let options: Query['options']
  let at = start
  for (let index = 0; index < records; index++) {
    const name = readName(bytes, at)
    if (name === undefined || name.end + 10 > bytes.length) return undefined
    if (bytes.readUInt16BE(name.end) === OPT) {
      if (options !== undefined || name.labels.length > 0) return undefined
      options = { version: bytes[name.end + 5]!, flags: bytes.readUInt16BE(name.end + 6) }
    }
    at = name.end + 10 + bytes.readUInt16BE(name.end + 8)
    if (at > bytes.length) return undefined
  }
  return at === bytes.length ? { options } : undefined
}

/** A name that stands there in full: nothing is before it in a question that it could point to. */
function readName(bytes: Buffer, start: number): { labels: string[]; end: number } | undefined {
  const labels: string[] = []
  let at = start
  for (;;) {
    const length = bytes[at]
    if (length === undefined || length > LABEL_BYTES_MAX) return undefined
    if (length === 0) break
    const end = at + 1 + length
    if (end >= bytes.length || end - start >= NAME_BYTES_MAX) return undefined
    labels.push(lower(bytes.toString('latin1', at + 1, end)))
    at = end
  }
  return { labels, end: at + 1 }
}

/** Only A to Z have capitals in DNS (RFC 4343). */
function lower(label: string): string {
  return label.replace(/[A-Z]/g, letter => letter.toLowerCase())
}
