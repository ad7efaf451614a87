/**
 * A failure that the user can do something about: bad input, a missing file, a full disk. It is shown as one
 * line without a stack. Anything else that is thrown is a bug and is shown with its stack.
 */
export class UserError extends Error {
  /** What to do about it, shown after the message when present. */
  readonly hint: string | undefined

  constructor(message: string, hint?: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'UserError'
    this.hint = hint
  }
}

/** Messages for the system errors that a user meets and can act on. */
const SYSTEM_ERRORS: Record<string, string> = {
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the disk quota is used up',
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EROFS: 'the file system is read-only',
  ENOENT: 'no such file or directory',
  ENOTDIR: 'a part of the path is not a directory',
  EISDIR: 'is a directory',
  EIO: 'input/output error of the device',
}

/** The `code` of a Node system error (`ENOENT`, …), or undefined for any other value. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/**
 * The one line that describes an expected failure, or undefined when `error` is a bug and deserves its stack.
 * System errors that come from the user's machine (no space, no permission) count as expected.
 */
export function describeFailure(error: unknown): string | undefined {
  if (error instanceof UserError) return error.hint ? `${error.message}; ${error.hint}` : error.message
  const code = errorCode(error)
  const sentence = code === undefined ? undefined : SYSTEM_ERRORS[code]
  if (sentence === undefined || !(error instanceof Error)) return undefined
  const path = 'path' in error && typeof error.path === 'string' ? `${error.path}: ` : ''
  return `${path}${sentence} (${code})`
}
