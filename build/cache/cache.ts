import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { syncDirectory } from '#lib/durable.ts'

/**
 * The content-addressed cache: everything the builder downloads or makes and may need again.
 *
 *     ROOT/KIND/KEY        a finished file or folder; never changed once it has this name
 *     ROOT/partial/PID-…   work under way; left over only by a process that was killed, removed by the next one
 *
 * KEY must name the content: the hash of the bytes, or of everything that decides them. So a hit needs no check,
 * two builders can share a cache, and an interruption at any instant leaves either the whole entry or none.
 */
export class Cache {
  readonly root: string

  private constructor(root: string) {
    this.root = root
  }

  /** Opens the cache of this user: `ORLOP_CACHE`, else `XDG_CACHE_HOME/orlop`, else `~/.cache/orlop`. */
  static async open(root: string = defaultCacheFolder()): Promise<Cache> {
    await mkdir(join(root, 'partial'), { recursive: true })
    const cache = new Cache(root)
    await cache.#sweep()
    return cache
  }

  /** Where the entry is, or would be. */
  path(kind: string, key: string): string {
    return join(this.root, kind, key)
  }

  has(kind: string, key: string): boolean {
    return existsSync(this.path(kind, key))
  }

  /** A fresh path for work under way, on the same file system as the entries. The caller makes the file or folder. */
  partialPath(): string {
    return join(this.root, 'partial', `${process.pid}-${randomBytes(6).toString('hex')}`)
  }

  /**
   * The path of the entry; made first when it is missing. `make` must create a file or folder at the path it is
   * given; when it throws, nothing of it stays.
   */
  async entry(kind: string, key: string, make: (path: string) => Promise<void>): Promise<string> {
    const path = this.path(kind, key)
    if (existsSync(path)) return path
    const partial = this.partialPath()
    try {
      await make(partial)
      await this.adopt(kind, key, partial)
    } finally {
      await rm(partial, { recursive: true, force: true })
    }
    return path
  }

  /** Moves finished work (a path on the cache's file system) to its final name; a twin that came first wins. */
  async adopt(kind: string, key: string, partial: string): Promise<string> {
    const path = this.path(kind, key)
    await mkdir(join(path, '..'), { recursive: true })
    const info = await stat(partial)
    if (info.isFile()) {
      const file = await open(partial, 'r')
      try {
        await file.sync()
      } finally {
        await file.close()
      }
    }
    try {
      await rename(partial, path)
    } catch (error) {
      if (!existsSync(path)) throw error
    }
    await syncDirectory(join(path, '..'))
    return path
  }

  /** Removes partial work of processes that are gone. */
  async #sweep(): Promise<void> {
    const folder = join(this.root, 'partial')
    for (const name of await readdir(folder)) {
      const pid = Number(name.split('-', 1)[0])
      if (Number.isInteger(pid) && existsSync(`/proc/${pid}`)) continue
      await rm(join(folder, name), { recursive: true, force: true })
    }
  }
}

function defaultCacheFolder(): string {
  const chosen = process.env['ORLOP_CACHE']
  if (chosen) return chosen
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'orlop')
}
