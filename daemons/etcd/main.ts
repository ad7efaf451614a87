import { readFile } from 'node:fs/promises'
import { describeFailure, errorCode, UserError } from '#lib/errors.ts'
import type { Config, Start } from './config/config.ts'
import { findConfigFile, readStart } from './config/read.ts'
import { readYaml } from './config/yaml.ts'
import { runServer } from './server/host/run.ts'

/**
 * The server `etcd`: a member of a cluster, or a proxy before one.
 *
 * @param args without the name of the program
 * @returns the status of the process: 0 after it was removed from its cluster, 1 after an error, 2 for wrong flags. A
 *   signal ends the process as signals do.
 */
export async function main(args: string[]): Promise<number> {
  const start = await readSettings(args)
  if (start.kind === 'end') {
    process.stdout.write(start.out)
    process.stderr.write(start.err)
    return start.status
  }
  return await runServer(start.config, start.notices)
}

async function readSettings(args: readonly string[]): Promise<Start> {
  const runtime = `node ${process.version}`
  const path = findConfigFile(args, process.env)
  try {
    if (path === undefined) return readStart(args, process.env, undefined, runtime)
    return readStart(args, process.env, { path, value: await readYaml(await readText(path), path) }, runtime)
  } catch (error) {
    const line = describeFailure(error)
    if (line === undefined) throw error
    return { kind: 'end', status: 1, out: '', err: `error verifying flags, ${line}. See 'etcd --help'.\n` }
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
    throw new UserError(`open ${path}: no such file or directory`)
  }
}

export type { Config }

// Called as a file of its own, as tests do; in the binary, its entry calls `main`.
if (import.meta.main) void main(process.argv.slice(2)).then(status => process.exit(status))
