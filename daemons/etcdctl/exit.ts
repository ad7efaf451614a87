import { ClusterError } from '#lib/etcd/errors.ts'

/** Status of the program by what went wrong; scripts decide by them. */
export const ExitCode = {
  success: 0,
  badArguments: 1,
  badConnection: 2,
  unknownCommand: 3,
  serverError: 4,
  clusterUnhealthy: 5,
} as const

/** Ends the command: `text` goes to stderr as it is. */
export class Failure extends Error {
  readonly code: number
  readonly text: string

  constructor(code: number, text: string) {
    super(text)
    this.name = 'Failure'
    this.code = code
    this.text = text
  }
}

/**
 * A failure in the form of commands on keys: `Error:  ` (two blanks), then one line for each endpoint that was asked.
 * It is text with `-o json` too, as scripts of the original expect.
 */
export function failure(code: number, error: unknown): Failure {
  const detail = error instanceof ClusterError ? `${error.detail}\n` : ''
  return new Failure(code, `Error:  ${messageOf(error)}\n${detail}`)
}

/** A failure in the form of commands on members, users and roles: the message alone, status 1. */
export function plainFailure(error: unknown, prefix = ''): Failure {
  return new Failure(ExitCode.badArguments, `${prefix}${messageOf(error)}\n`)
}

/** What went wrong, in words. */
export function messageOf(error: unknown): string {
  return typeof error === 'string' ? error : error instanceof Error ? error.message : String(error)
}
