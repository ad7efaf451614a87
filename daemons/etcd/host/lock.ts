import * as fs from 'node:fs'
import { UserError } from '#lib/errors.ts'

/** After so many tries to take a lock that others come and go with, this one gives up. */
const TRIES_MAX = 8
/** Fields of /proc/PID/stat behind the name of the program, which may hold blanks; the 20th there is its start. */
const START_FIELD = 19

/** A lock that this process holds. */
export interface Lock {
  /** Gives it back. */
  release(): void
}

/** Who holds a lock: a number alone may belong to another process by now. */
interface Holder {
  pid: number
  /** When it started, in ticks since boot. */
  start: string
  boot: string
}

/**
 * Takes the lock file of a data directory for this process, so that no second server writes to it. A lock that a dead
 * process has left is taken over: the kernel keeps no locks that Node could use, so the file names its holder by pid,
 * start and boot, and whether that one lives can be told exactly. Processes of another pid namespace cannot be seen:
 * do not give one directory to two containers.
 *
 * @throws UserError that names the holder
 */
export function acquireLock(path: string): Lock {
  const mine = JSON.stringify(self())
  const draft = `${path}.${process.pid}`
  fs.writeFileSync(draft, mine, { mode: 0o600 })
  try {
    for (let time = 0; time < TRIES_MAX; time++) {
      if (tryLink(draft, path)) return { release: () => releaseLock(path, mine) }
      const text = readOr(path, undefined)
      if (text === undefined) continue // given back just now
      const holder = parse(text)
      if (holder !== undefined && isAlive(holder))
        throw new UserError(`${path}: the data directory is in use by process ${holder.pid}`)
      // Also what is no holder: a power cut may leave the name without the content.
      if (!takeAway(path, text))
        throw new UserError(`${path}: the data directory was taken by another process just now`)
    }
  } finally {
    fs.rmSync(draft, { force: true })
  }
  throw new UserError(`${path}: the lock cannot be taken`, 'remove the file if no server uses the directory')
}

/** The name appears together with the content, or not at all. */
function tryLink(draft: string, path: string): boolean {
  try {
    fs.linkSync(draft, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Removes a dead process's lock. False when it turned out to be another one's, which is put back. */
function takeAway(path: string, text: string): boolean {
  const aside = `${path}.${process.pid}.stale`
  try {
    fs.renameSync(path, aside)
  } catch {
    return true // somebody else was faster
  }
  const isSame = readOr(aside, text) === text
  if (!isSame) tryLink(aside, path)
  fs.rmSync(aside, { force: true })
  return isSame
}

function releaseLock(path: string, mine: string): void {
  if (readOr(path, '') === mine) fs.rmSync(path, { force: true })
}

function self(): Holder {
  return { pid: process.pid, start: startOf(process.pid) ?? '', boot: bootId() }
}

function isAlive(holder: Holder): boolean {
  return holder.boot === bootId() && holder.start === startOf(holder.pid)
}

/** When a process started, or undefined when there is none, or only its remains. */
function startOf(pid: number): string | undefined {
  const stat = readOr(`/proc/${pid}/stat`, '')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' ? undefined : fields[START_FIELD]
}

function bootId(): string {
  return readOr('/proc/sys/kernel/random/boot_id', '').trim()
}

function parse(text: string): Holder | undefined {
  try {
    const { pid, start, boot } = JSON.parse(text) as Partial<Holder>
    if (!Number.isSafeInteger(pid) || typeof start !== 'string' || typeof boot !== 'string') return undefined
    return { pid: pid as number, start, boot }
  } catch {
    return undefined
  }
}

function readOr<T>(path: string, otherwise: T): string | T {
  try {
    return fs.readFileSync(path, 'utf8')
  } catch {
    return otherwise
  }
}
