import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { findOriginals } from '../../compat/lib/programs.ts'

/** A server to be tested, as it is started; the flags of a member follow. */
export interface ServerProgram {
  name: string
  command: readonly [string, ...string[]]
  env: Readonly<Record<string, string>>
  /** Ours promises more than the original. */
  isOurs: boolean
}

const ROOT = resolve(import.meta.dirname, '../../..')
const OURS = join(ROOT, 'daemons/etcd/main.ts')

/**
 * Ours; with ORLOP_ETCD_SERVER another etcd by its path, or that of the locked Debian packages for `original`. The same
 * tests then show what they say of a server that is known to be right.
 */
export async function findServer(env: NodeJS.ProcessEnv): Promise<ServerProgram> {
  const named = env['ORLOP_ETCD_SERVER'] ?? ''
  if (named === '')
    return {
      name: 'ours',
      command: [process.execPath, '--disable-warning=ExperimentalWarning', OURS],
      env: {},
      isOurs: true,
    }
  const file = named === 'original' ? (await findOriginals({})).server : resolve(named)
  if (!existsSync(file)) throw new Error(`${file}, named by ORLOP_ETCD_SERVER, is not there`)
  return { name: file, command: [file, '--enable-v2'], env: {}, isOurs: false }
}
