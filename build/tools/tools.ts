import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, constants, existsSync, openSync, readSync } from 'node:fs'
import { chmod, copyFile, link, mkdir, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { errorCode, UserError } from '#lib/errors.ts'
import type { Progress } from '#lib/progress.ts'
import type { Cache } from '../cache/cache.ts'
import { fetchPackages } from '../deb/fetch.ts'
import { type Lock, packagesOf } from '../deb/lock.ts'
import type { Mirrors } from '../deb/mirrors.ts'
import { type PackageContents, unpackPackages } from '../deb/unpack.ts'
import type { FileEntry } from '../rootfs/entry.ts'
import { layOut } from './layout.ts'
import {
  LOADER,
  loaderArguments,
  PROGRAM_FOLDERS,
  PROGRAM_HEAD_BYTES,
  type ProgramKind,
  programKind,
  wrapperScript,
} from './loader.ts'

/** What opening the tools needs. */
export interface ToolsContext {
  cache: Cache
  mirrors: Mirrors | (() => Promise<Mirrors>)
  progress: Progress
  signal?: AbortSignal | undefined
}

/** How to run a tool. */
export interface RunOptions {
  cwd?: string
  /** Beyond those that every tool gets; the host's environment is not passed on. */
  env?: Record<string, string>
  /** What it reads from stdin; nothing when absent. */
  input?: Uint8Array | Readable
  /** Where its stdout goes: kept (the default), shown, or to a new file at this path. */
  stdout?: 'capture' | 'inherit' | { path: string }
  signal?: AbortSignal | undefined
}

/** A program of the tools tree, ready for `spawn`. */
export interface ToolCommand {
  file: string
  args: string[]
  env: Record<string, string>
}

/** A tool ended with an error. */
export class ToolError extends UserError {
  override readonly name: string = 'ToolError'
  /** Exit status, or undefined when a signal ended it. */
  readonly status: number | undefined
  readonly stderr: string

  constructor(message: string, status: number | undefined, stderr: string) {
    super(message)
    this.status = status
    this.stderr = stderr
  }
}

/** Group of the lock that holds the tools. */
const GROUP = 'tools'
/** To be raised with every change of how the tree is laid out. */
const FORMAT = 2
/** What a tool may print into memory. */
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024
/** Lines of stderr that an error message repeats. */
const STDERR_LINES_MAX = 5

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
   * @throws UserError as `fetchPackages` and `unpackPackages` do
   */
  static async open(lock: Lock, context: ToolsContext): Promise<Tools> {
    const packages = packagesOf(lock, GROUP)
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

async function finish(
  child: ChildProcess,
  options: RunOptions,
  words: string[],
): Promise<{ stdout: Buffer; stderr: string }> {
  const collected: { stdout: Buffer[]; stderr: Buffer[] } = { stdout: [], stderr: [] }
  let bytes = 0
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > OUTPUT_BYTES_MAX) child.kill('SIGKILL')
      else collected[name].push(chunk)
    })
  }
  const ended = new Promise<{ status: number | null; signal: string | null }>((resolve, reject) => {
    child.on('error', error => reject(options.signal?.aborted ? options.signal.reason : error))
    child.on('close', (status, signal) => resolve({ status, signal }))
  })
  const fed = child.stdin === null ? Promise.resolve() : feed(options.input!, child)
  // Both, so that neither rejection is left unhandled; a program that ends before its input does is judged by its status.
  const [end, feeding] = await Promise.allSettled([ended, fed])
  if (end.status === 'rejected') throw end.reason
  if (feeding.status === 'rejected' && !isClosedPipe(feeding.reason)) throw feeding.reason
  const stderr = Buffer.concat(collected.stderr).toString('utf8')
  const { status, signal } = end.value
  if (status !== 0)
    throw new ToolError(describe(words, status, signal, bytes, stderr), status ?? undefined, stderr)
  return { stdout: Buffer.concat(collected.stdout), stderr }
}

async function feed(input: Uint8Array | Readable, child: ChildProcess): Promise<void> {
  const source = input instanceof Readable ? input : Readable.from([input])
  try {
    await pipeline(source, child.stdin!)
  } catch (error) {
    // A source that fails must not leave the program believing that it has seen all.
    if (!isClosedPipe(error)) child.kill('SIGKILL')
    throw error
  }
}

function describe(
  words: string[],
  status: number | null,
  signal: string | null,
  bytes: number,
  stderr: string,
): string {
  const end = status === null ? `was ended by ${signal}` : `failed with status ${status}`
  const lines = stderr.trim().split('\n').slice(-STDERR_LINES_MAX).join('; ')
  const flood = bytes > OUTPUT_BYTES_MAX ? ` (it printed more than ${OUTPUT_BYTES_MAX} bytes)` : ''
  return `\`${words.map(quote).join(' ')}\` ${end}${flood}${lines === '' ? '' : `: ${lines}`}`
}

function quote(word: string): string {
  return /^[A-Za-z0-9_./:=,+@%^-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

function readHead(path: string): Uint8Array {
  const file = openSync(path, 'r')
  try {
    const head = Buffer.alloc(PROGRAM_HEAD_BYTES)
    return head.subarray(0, readSync(file, head, 0, head.length, 0))
  } finally {
    closeSync(file)
  }
}

async function makeTree(
  contents: PackageContents[],
  folder: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  await mkdir(folder)
  const made = new Set<string>()
  const makeFolder = async (path: string) => {
    if (made.has(path)) return
    await mkdir(join(folder, path), { recursive: true })
    made.add(path)
  }
  for (const [path, entry] of layOut(contents)) {
    signal?.throwIfAborted()
    const target = join(folder, path)
    await makeFolder(entry.type === 'directory' ? path : dirname(path))
    if (entry.type === 'symlink') await symlink(entry.target, target)
    else if (entry.type === 'file') await placeFile(entry, target)
  }
  await makeWrappers(folder)
}

async function placeFile(entry: FileEntry, target: string): Promise<void> {
  const { content } = entry
  if (content.kind !== 'blob') throw new Error(`${entry.path}: a package's file is no blob`)
  await rm(target, { force: true })
  // Blobs are read-only and shared by their links, so what has to be executable is a copy.
  if ((entry.mode & 0o111) === 0) return await link(content.path, target)
  await copyFile(content.path, target, constants.COPYFILE_FICLONE)
  await chmod(target, 0o755)
}

async function makeWrappers(folder: string): Promise<void> {
  await mkdir(join(folder, 'bin'))
  for (const place of PROGRAM_FOLDERS) {
    for (const name of await readdir(join(folder, place))) {
      const program = `${place}/${name}`
      const info = await stat(join(folder, program)).catch(() => undefined) // a link to what is not here
      if (!info?.isFile()) continue
      const script = wrapperScript(program, programKind(readHead(join(folder, program))))
      await writeFile(join(folder, 'bin', name), script, { mode: 0o755 })
    }
  }
}
