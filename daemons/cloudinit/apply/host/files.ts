import type { Stats } from 'node:fs'
import {
  chmod,
  chown,
  lchown,
  link,
  lstat,
  mkdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  unlink,
} from 'node:fs/promises'
import { posix } from 'node:path'
import { replaceFile, syncDirectory } from '#lib/durable.ts'
import { errorCode, UserError } from '#lib/errors.ts'
import type { Content, DirectoryStep, FileStep, LinkStep } from '../../plan/plan.ts'
import { locate, type Target } from './machine.ts'

/** Numbers of an owner. */
export interface Owner {
  uid: number
  gid: number
}

const FILE_MODE = 0o644
const DIRECTORY_MODE = 0o755
const MODE_BITS = 0o7777
/** Suffix of a link until it has its name. */
const NEW = '.orlop-new'

/** What is at a path itself, not behind a link; undefined when there is nothing. */
export async function look(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Makes a file be what the step says, and tells whether it had to be changed. Who reads it meanwhile sees the old or
 * the new one.
 *
 * @param owner of the file; undefined: root for a new one, as it is for an existing one
 */
export async function applyFile(step: FileStep, owner: Owner | undefined, target: Target): Promise<boolean> {
  const path = locate(target, step.path)
  const there = await look(path)
  if (there?.isDirectory()) throw new UserError(`${step.path} is a directory, and not replaced by a file`)
  const old = there?.isFile() ? await readFile(path) : undefined
  if (step.content === undefined && step.append.length === 0 && old !== undefined)
    return await restore(path, there!, step.mode, owner, target)
  const base = step.content === undefined ? (old ?? Buffer.alloc(0)) : bytesOf(step.content)
  const bytes = Buffer.concat([base, ...step.append.map(bytesOf)])
  if (old !== undefined && bytes.equals(old)) return await restore(path, there!, step.mode, owner, target)
  const mayReplace = step.overwrite || there === undefined || step.content === undefined
  if (!mayReplace) throw new UserError(`${step.path} exists with another content, and overwrite is not set`)
  await makeParents(step.path, target)
  const mode = step.mode ?? (old === undefined ? FILE_MODE : there!.mode & MODE_BITS)
  const keeper = owner ?? (old === undefined ? undefined : { uid: there!.uid, gid: there!.gid })
  // Nobody but us reads it before it has its owner.
  await replaceFile(
    path,
    async file => {
      await file.writeFile(bytes)
      if (keeper !== undefined && target.chown) await file.chown(keeper.uid, keeper.gid)
      await file.chmod(mode)
    },
    { mode: 0o600 },
  )
  return true
}

/** Makes a directory be. */
export async function applyDirectory(
  step: DirectoryStep,
  owner: Owner | undefined,
  target: Target,
): Promise<boolean> {
  const path = locate(target, step.path)
  let there = await look(path)
  // A link to a directory is one, as for mkdir -p.
  if (there?.isSymbolicLink() && !step.overwrite) {
    await needDirectory(path, step.path)
    return false
  }
  if (there !== undefined && !there.isDirectory()) {
    if (!step.overwrite)
      throw new UserError(`${step.path} exists and is no directory, and overwrite is not set`)
    await unlink(path)
    there = undefined
  }
  if (there !== undefined) return await restore(path, there, step.mode, owner, target)
  await makeParents(step.path, target)
  await mkdir(path)
  await restore(path, (await lstat(path))!, step.mode ?? DIRECTORY_MODE, owner, target)
  await syncDirectory(posix.dirname(path))
  return true
}

/** Makes a link be. Hard links are to paths of the plan, symbolic ones to whatever they say. */
export async function applyLink(step: LinkStep, owner: Owner | undefined, target: Target): Promise<boolean> {
  const path = locate(target, step.path)
  const there = await look(path)
  if (step.hard) {
    const same = await look(locate(target, step.target))
    if (same === undefined) throw new UserError(`${step.path}: there is no ${step.target} to link to`)
    if (there !== undefined && there.ino === same.ino && there.dev === same.dev) return false
  } else if (there?.isSymbolicLink() && (await readlink(path)) === step.target) return false
  if (there !== undefined) {
    if (!step.overwrite) throw new UserError(`${step.path} exists and is another, and overwrite is not set`)
    if (there.isDirectory()) throw new UserError(`${step.path} is a directory, and not replaced by a link`)
  }
  await makeParents(step.path, target)
  const fresh = `${path}${NEW}`
  await rm(fresh, { force: true })
  if (step.hard) await link(locate(target, step.target), fresh)
  else await symlink(step.target, fresh)
  if (owner !== undefined && target.chown && !step.hard) await lchown(fresh, owner.uid, owner.gid)
  await rename(fresh, path)
  await syncDirectory(posix.dirname(path))
  return true
}

/** Makes the directories above a path that are missing, for everybody to enter. */
export async function makeParents(path: string, target: Target): Promise<void> {
  const parent = posix.dirname(path)
  if (parent === '/' || parent === '.') return
  try {
    await mkdir(locate(target, parent), { recursive: true, mode: DIRECTORY_MODE })
  } catch (error) {
    const code = errorCode(error)
    if (code !== 'ENOTDIR' && code !== 'EEXIST') throw error
    throw new UserError(`${path}: something above it is no directory`)
  }
}

/** The bytes of a content that was fetched. */
export function bytesOf(content: Content): Uint8Array {
  if (content.kind === 'inline') return content.bytes
  throw new Error(`${content.url} was not fetched before it was to be written`)
}

/** Gives what exists its mode and owner. */
async function restore(
  path: string,
  there: Stats,
  mode: number | undefined,
  owner: Owner | undefined,
  { chown: mayChown }: Target,
): Promise<boolean> {
  let changed = false
  if (owner !== undefined && mayChown && (there.uid !== owner.uid || there.gid !== owner.gid)) {
    await chown(path, owner.uid, owner.gid)
    changed = true
  }
  // After the owner: giving a file away takes its set-user bit.
  if (mode !== undefined && ((there.mode & MODE_BITS) !== mode || changed)) {
    await chmod(path, mode)
    changed = true
  }
  return changed
}

async function needDirectory(path: string, shown: string): Promise<void> {
  const behind = await stat(path).catch(() => undefined)
  if (!behind?.isDirectory())
    throw new UserError(`${shown} is a link to no directory, and overwrite is not set`)
}
