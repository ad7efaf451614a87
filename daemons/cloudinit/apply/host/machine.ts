import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { posix } from 'node:path'
import { errorCode, UserError } from '#lib/errors.ts'

/** What a program printed, and how it ended: its exit status, or 128 and more when it was ended. */
export interface Ran {
  status: number
  stdout: string
  stderr: string
}

/** Runs a program to its end. */
export type Runner = (program: string, args: readonly string[]) => Promise<Ran>

/** mkfs on a slow disk may take long; systemctl with --no-block does not. */
const PROGRAM_MS = 120_000
const OUTPUT_BYTES_MAX = 1024 * 1024
const ENDED = 128

/** Runs programs of this machine, each for two minutes at most. */
export const runProgram: Runner = (program, args) =>
  new Promise((resolve, reject) => {
    const options = { timeout: PROGRAM_MS, maxBuffer: OUTPUT_BYTES_MAX, encoding: 'utf8' as const }
    execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null) resolve({ status: 0, stdout, stderr })
      else if (errorCode(error) === 'ENOENT')
        reject(new UserError(`${program}: this machine has no such program`))
      else resolve({ status: typeof error.code === 'number' ? error.code : ENDED, stdout, stderr })
    })
  })

/** The machine that a plan is applied to. */
export interface Target {
  /** `/`, or a folder that stands for it in tests and images: paths of plans are below it, and links as well. */
  root: string
  run: Runner
  /** Whether files can be given to others (only root can). */
  chown: boolean
  /** Days since 1970. */
  today: number
  /** One line for the journal. */
  log: (line: string) => void
}

/** Where a path of a plan is on this system. */
export function locate({ root }: Pick<Target, 'root'>, path: string): string {
  return posix.join(root, path)
}

/** The text of a file, or undefined when there is none. */
export async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** The last line that a program complained with, for a message. */
export function complaint({ status, stderr }: Ran): string {
  return stderr.trim().split('\n').at(-1) || `status ${status}`
}
