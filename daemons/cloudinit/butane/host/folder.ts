import { lstatSync, readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs'
import { join, sep } from 'node:path'
import { errorCode, UserError } from '#lib/errors.ts'
import { LOCAL_BYTES_MAX, type Local, type Locals } from '../local.ts'

const ANY_EXECUTE = 0o111

/**
 * The files of a folder, for a Butane configuration that names them (`--files-dir`).
 *
 * Links are told as links; a path that leads through one out of the folder is refused, so that a configuration from
 * elsewhere takes nothing along that it was not given.
 *
 * @throws UserError when there is no such folder, and later for what can not be read
 */
export function localsOf(folder: string): Locals {
  const root = realFolder(folder)
  return path => {
    const place = join(root, path)
    try {
      const real = realpathSync(join(place, '..'))
      if (real !== root && !real.startsWith(root + sep))
        throw new UserError(`${place}: is outside of ${folder}`)
      return look(place)
    } catch (error) {
      if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined
      if (errorCode(error) === undefined) throw error
      throw new UserError(`${place}: ${(error as Error).message}`)
    }
  }
}

function realFolder(folder: string): string {
  try {
    if (statSync(folder).isDirectory()) return realpathSync(folder)
  } catch (error) {
    if (errorCode(error) === undefined) throw error
  }
  throw new UserError(`${folder}: is no folder`, 'name the one whose files the configuration takes')
}

function look(place: string): Local | undefined {
  const stats = lstatSync(place)
  if (stats.isSymbolicLink()) return { kind: 'link', target: readlinkSync(place) }
  if (stats.isDirectory()) return { kind: 'directory', names: readdirSync(place) }
  if (!stats.isFile()) throw new UserError(`${place}: is neither a file, a folder, nor a link`)
  if (stats.size > LOCAL_BYTES_MAX) throw new UserError(`${place}: has more than ${LOCAL_BYTES_MAX} bytes`)
  return { kind: 'file', bytes: readFileSync(place), isExecutable: (stats.mode & ANY_EXECUTE) !== 0 }
}
