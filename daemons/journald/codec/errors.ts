/**
 * What is wrong with a file.
 * - `not-journal`: it is something else
 * - `unsupported`: it uses a feature that is not known here
 * - `corrupt`: an offset, a size or a type cannot be right
 * - `truncated`: it is shorter than its header says
 * - `too-large`: an object is larger than the bounds of this package
 * - `unreadable`: the system does not let it be read
 */
export type JournalErrorCode =
  | 'not-journal'
  | 'unsupported'
  | 'corrupt'
  | 'truncated'
  | 'too-large'
  | 'unreadable'

/** A failure that the contents of a journal cause; one line that says what and where. */
export class JournalError extends Error {
  readonly code: JournalErrorCode
  /** Where in the file, when it is one place. */
  readonly offset: number | undefined

  constructor(code: JournalErrorCode, message: string, offset?: number, options?: ErrorOptions) {
    super(offset === undefined ? message : `${message} at offset ${offset}`, options)
    this.name = 'JournalError'
    this.code = code
    this.offset = offset
  }
}
