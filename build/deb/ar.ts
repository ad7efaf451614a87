/** A file within an ar archive. */
export interface ArMember {
  name: string
  /** First byte of its content in the archive. */
  offset: number
  /** Bytes of its content. */
  size: number
}

/** What every ar archive starts with. */
export const AR_MAGIC = '!<arch>\n'
/** Bytes of a member's header. */
export const AR_HEADER_BYTES = 60

/**
 * Parses the header of an ar member that starts at `offset`, where deb(5) allows no long names.
 *
 * @param archiveSize bytes of the whole archive
 * @throws SyntaxError when it is no header, or the member reaches beyond the archive
 */
export function parseArHeader(header: Uint8Array, offset: number, archiveSize: number): ArMember {
  const text = Buffer.from(header).toString('latin1')
  if (text.length < AR_HEADER_BYTES) throw new SyntaxError('it ends within a header of its ar archive')
  const name = text.slice(0, 16).trimEnd().replace(/\/$/, '')
  const digits = text.slice(48, 58).trimEnd()
  if (text.slice(58, 60) !== '`\n' || !/^\d+$/.test(digits) || name === '') {
    throw new SyntaxError(`byte ${offset} is no header of an ar archive`)
  }
  const size = Number(digits)
  const start = offset + AR_HEADER_BYTES
  if (start + size > archiveSize) throw new SyntaxError(`it ends within ${name}`)
  return { name, offset: start, size }
}
