import { type SpawnOptions, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, existsSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { UserError } from '#lib/errors.ts'
import type { Progress } from '#lib/progress.ts'
import type { Cache } from '../cache/cache.ts'
import { fetchPackages } from '../deb/fetch.ts'
import { type Lock, packagesOf } from '../deb/lock.ts'
import type { Mirrors } from '../deb/mirrors.ts'
import { unpackPackages } from '../deb/unpack.ts'
import { LOADER, loaderArguments, PROGRAM_FOLDERS, type ProgramKind, programKind } from './loader.ts'
import { finish, type RunOptions } from './process.ts'
import { makeTree, readHead } from './tree.ts'

export { type RunOptions, ToolError } from './process.ts'

/** What opening the tools needs. */
export interface ToolsContext {
  cache: Cache
  mirrors: Mirrors | (() => Promise<Mirrors>)
  progress: Progress
  signal?: AbortSignal | undefined
}

/** A program of the tools tree, ready for `spawn`. */
export interface ToolCommand {
  file: string
  args: string[]
  env: Record<string, string>
}

/** Group of the lock that holds the tools. */
const GROUP = 'tools'
/** To be raised with every change of how the tree is laid out. */
const FORMAT = 2
/**
 * The programs that build and run images: unpacked Debian packages in the cache, run through their own dynamic
 * loader. So they need no root, nothing of the host but its kernel, and are the same everywhere.
 */
export class Tools {
  /** The unpacked tree; never written to. */
  readonly folder: string
  readonly #kinds = new Map<string, ProgramKind>()

  private constructor(folder: string) {
    this.folder = folder
  }

  /**
   * Fetches and unpacks the tools of a lock, unless the cache has them.
   *
   * @param group of the lock; tests have programs of their own
   * @throws UserError as `fetchPackages` and `unpackPackages` do
   */
  static async open(lock: Lock, context: ToolsContext, group = GROUP): Promise<Tools> {
    const packages = packagesOf(lock, group)
    const hash = createHash('sha256').update(`${FORMAT}\n`)
    for (const item of packages) hash.update(`${item.sha256}\n`)
    const folder = await context.cache.entry('tools', hash.digest('hex'), async path => {
      const debs = await fetchPackages(packages, context)
      const contents = await unpackPackages(packages, debs, context)
      await makeTree(contents, path, context.signal)
    })
    return new Tools(folder)
  }

  /** Where a file of the tools is, such as `usr/share/OVMF/OVMF_CODE_4M.fd`. */
  path(relative: string): string {
    return join(this.folder, relative)
  }

  /**
   * A folder to put first in PATH for a program that starts tools by their names. It holds a shell script for each.
   */
  get programs(): string {
    return join(this.folder, 'bin')
  }

  /**
   * How to start a program, for `spawn`.
   *
   * @param program name (`mke2fs`) or path within the tree (`usr/lib/qemu/…`)
   * @throws UserError when there is none
   */
  command(program: string, args: readonly string[]): ToolCommand {
    const relative = this.#find(program)
    const env = toolEnvironment(this.folder)
    if (this.#kind(relative) === 'direct') return { file: this.path(relative), args: [...args], env }
    return { file: this.path(LOADER), args: loaderArguments(this.folder, relative, args), env }
  }

  /**
   * Runs a program to its end.
   *
   * @throws ToolError with the command and what it complained of, when it does not exit with status 0
   */
  async run(
    program: string,
    args: readonly string[],
    options: RunOptions = {},
  ): Promise<{ stdout: string; stderr: string }> {
    const { stdout, stderr } = await this.runBytes(program, args, options)
    return { stdout: stdout.toString('utf8'), stderr }
  }

  /** As `run`, for programs that print data. */
  async runBytes(
    program: string,
    args: readonly string[],
    options: RunOptions = {},
  ): Promise<{ stdout: Buffer; stderr: string }> {
    options.signal?.throwIfAborted()
    const command = this.command(program, args)
    const stdout = options.stdout ?? 'capture'
    const file = typeof stdout === 'object' ? openSync(stdout.path, 'w') : undefined
    try {
      const child = spawn(command.file, command.args, {
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
        env: { ...command.env, ...options.env },
        stdio: [
          options.input === undefined ? 'ignore' : 'pipe',
          stdout === 'capture' ? 'pipe' : (file ?? 'inherit'),
          'pipe',
        ],
        ...(options.signal === undefined ? {} : { signal: options.signal, killSignal: 'SIGKILL' }),
      } as SpawnOptions)
      return await finish(child, options, [program, ...args])
    } finally {
      if (file !== undefined) closeSync(file)
    }
  }

  #find(program: string): string {
    const places = program.includes('/') ? [program] : PROGRAM_FOLDERS.map(folder => `${folder}/${program}`)
    const found = places.find(place => existsSync(this.path(place)))
    if (found !== undefined) return found
    throw new UserError(
      `the tools have no program ${program} (looked in ${this.folder})`,
      'add its package to group tools of image/packages.json, then run `npm run orlop -- lock`',
    )
  }

  #kind(relative: string): ProgramKind {
    const kind = this.#kinds.get(relative) ?? programKind(readHead(this.path(relative)))
    this.#kinds.set(relative, kind)
    return kind
  }
}

/** The same for everybody, so that no locale, time zone or configuration of the host reaches what is built. */
function toolEnvironment(folder: string): Record<string, string> {
  return {
    PATH: `${folder}/bin:/usr/bin:/bin`,
    LC_ALL: 'C',
    TZ: 'UTC',
    HOME: '/nonexistent',
    ...(process.env['TMPDIR'] ? { TMPDIR: process.env['TMPDIR'] } : {}),
    MKE2FS_CONFIG: `${folder}/etc/mke2fs.conf`,
    MTOOLSRC: '/dev/null',
    QEMU_MODULE_DIR: `${folder}/usr/lib/x86_64-linux-gnu/qemu`,
  }
}
