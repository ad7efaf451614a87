import { UserError } from './errors.ts'

/*
 * Named places where a crash, a delay or an error would hurt most. In service a failpoint is one comparison. They are
 * armed once, at the start, by the environment variable ORLOP_FAILPOINTS:
 *
 *   wal.beforeSync=kill                 ends the process as SIGKILL does
 *   wal.beforeSync=exit(3)              ends it with that status
 *   wal.beforeSync=sleep(250)           stands still for so many milliseconds
 *   wal.beforeSync=throw                throws
 *   wal.beforeSync=100*kill             only the hundredth time
 *   wal.beforeSync=2*sleep(10);snap.afterRename=kill
 */

/** What happens at a failpoint. */
export interface FailpointAction {
  type: 'kill' | 'exit' | 'sleep' | 'throw'
  /** Status of `exit`, milliseconds of `sleep`. */
  value: number
  /** Only the time of this number, from 1; 0: every time. */
  time: number
}

const SETTING = /^([\w.]+)=(?:(\d{1,9})\*)?(?:(kill|throw)|(exit|sleep)\((\d{1,6})\))$/

let reached: ((name: string) => void) | undefined

/** Does nothing, unless this failpoint is armed. */
export function failpoint(name: string): void {
  if (reached !== undefined) reached(name)
}

/** Has `action` called at every failpoint; undefined disarms them. */
export function setFailpoints(action: ((name: string) => void) | undefined): void {
  reached = action
}

/**
 * Reads the value of ORLOP_FAILPOINTS.
 *
 * @throws UserError that names the part which is wrong
 */
export function parseFailpoints(text: string): Map<string, FailpointAction> {
  const actions = new Map<string, FailpointAction>()
  for (const part of text.split(';').filter(part => part !== '')) {
    const match = SETTING.exec(part)
    if (match === null)
      throw new UserError(`ORLOP_FAILPOINTS: ${part} is not name=[N*]kill, throw, exit(STATUS) or sleep(MS)`)
    const [, name, time, plain, timed, value] = match
    const type = (plain ?? timed) as FailpointAction['type']
    actions.set(name!, { type, value: Number(value ?? 0), time: Number(time ?? 0) })
  }
  return actions
}
