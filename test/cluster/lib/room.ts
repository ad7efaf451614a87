import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Member } from './member.ts'

const run = promisify(execFile)

/**
 * Lets a running member make no file longer than this, or any again. It needs no rights and no disk of its own, and
 * hits where a full disk hits first: at the next segment of the log.
 *
 * Source: prlimit(1), RLIMIT_FSIZE of getrlimit(2). The hard limit stays, so that it can be lifted.
 */
export async function limitFiles(member: Member, bytes: number | 'unlimited'): Promise<void> {
  if (member.pid === undefined) throw new Error(`${member.name} does not run`)
  await run('prlimit', ['--pid', String(member.pid), `--fsize=${bytes}:`])
}
