import { readFile } from 'node:fs/promises'
import { errorCode } from '#lib/errors.ts'

/**
 * A process, told apart from a later one with the same number: pid, its start in clock ticks since the host's boot,
 * and which boot that was.
 */
export interface ProcessIdentity {
  pid: number
  startTicks: number
  bootId: string
}

/**
 * The start time in the text of /proc/PID/stat (proc_pid_stat(5), field 22), or undefined for a zombie. The second
 * field, the program's name, may hold anything, so fields count from its last parenthesis.
 */
export function parseStartTicks(stat: string): number | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const state = fields[0]
  const ticks = Number(fields[22 - 3])
  if (state === 'Z' || state === 'X' || !Number.isInteger(ticks)) return undefined
  return ticks
}

/** The identity of a running process, or undefined when there is none with this number. */
export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  try {
    const startTicks = parseStartTicks(await readFile(`/proc/${pid}/stat`, 'utf8'))
    const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
    return startTicks === undefined ? undefined : { pid, startTicks, bootId }
  } catch (error) {
    const code = errorCode(error)
    if (code === 'ENOENT' || code === 'ESRCH') return undefined
    throw error
  }
}

/** Whether that very process still runs. */
export async function isRunning(identity: ProcessIdentity): Promise<boolean> {
  const now = await identify(identity.pid)
  return now !== undefined && now.startTicks === identity.startTicks && now.bootId === identity.bootId
}
