import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Key } from 'openpgp'
import { replaceFile } from '#lib/durable.ts'
import { errorCode, UserError } from '#lib/errors.ts'
import type { Progress } from '#lib/progress.ts'
import type { Cache } from '../../cache/cache.ts'
import { checkLock, describeLockChange, formatLock, type Lock, parseLock } from '../lock.ts'
import type { Mirrors } from '../mirrors.ts'
import { readTrustedKeys } from '../release.ts'
import { makeLock } from '../relock.ts'
import { parseRequest, type Request } from '../request.ts'
import { findMirrors } from './apt.ts'

const REQUEST = 'image/packages.json'
const LOCK = 'image/packages.lock.json'
const KEYS = 'image/keys'

/** Reads `image/packages.json` of the repository at `root`. */
export async function readRequest(root: string): Promise<Request> {
  return parseRequest(await readFile(join(root, REQUEST), 'utf8'), REQUEST)
}

/**
 * Reads `image/packages.lock.json` and makes sure that it answers `image/packages.json`.
 *
 * @throws UserError when it is missing, broken or outdated
 */
export async function readLock(root: string): Promise<Lock> {
  const text = await readOptional(join(root, LOCK))
  if (text === undefined) throw new UserError(`${LOCK} is missing`, 'run `npm run orlop -- lock` to make it')
  const lock = parseLock(text, LOCK)
  checkLock(lock, await readRequest(root), LOCK)
  return lock
}

/** Reads the keys that may sign package indexes. */
export async function readKeyFolder(root: string): Promise<Key[]> {
  const names = (await readdir(join(root, KEYS))).filter(name => name.endsWith('.asc')).sort()
  if (names.length === 0)
    throw new UserError(`${KEYS} holds no keys (*.asc)`, 'restore it from the repository')
  const files = names.map(async name => ({
    name: `${KEYS}/${name}`,
    text: await readFile(join(root, KEYS, name), 'utf8'),
  }))
  return await readTrustedKeys(await Promise.all(files))
}

/** What refreshing the lock needs. */
export interface RefreshContext {
  cache: Cache
  progress: Progress
  signal?: AbortSignal | undefined
  /** Those of apt's sources or the environment when absent. */
  mirrors?: Mirrors
}

/**
 * Makes the lock anew and writes it if it changed: the `lock` command.
 *
 * @returns the lock and what changed, one line for each package
 */
export async function refreshLock(
  root: string,
  context: RefreshContext,
): Promise<{ lock: Lock; changes: string[] }> {
  const request = await readRequest(root)
  const lock = await makeLock({
    request,
    requestName: REQUEST,
    keys: await readKeyFolder(root),
    mirrors: context.mirrors ?? (await findMirrors()),
    cache: context.cache,
    progress: context.progress,
    signal: context.signal,
    acceptExpired: process.env['ORLOP_DEBIAN_ACCEPT_EXPIRED'] === '1',
  })
  const old = await readOptional(join(root, LOCK))
  const text = formatLock(lock)
  if (text !== old) await replaceFile(join(root, LOCK), text)
  return { lock, changes: describeLockChange(parseOld(old), lock) }
}

/** A broken lock must not keep anybody from making a new one. */
function parseOld(text: string | undefined): Lock | undefined {
  try {
    return text === undefined ? undefined : parseLock(text, LOCK)
  } catch {
    return undefined
  }
}

async function readOptional(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}
