import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { silent } from '#lib/progress.ts'
import { Cache } from '../../../build/cache/cache.ts'
import { findMirrors } from '../../../build/deb/host/apt.ts'
import { readLock } from '../../../build/deb/host/repository.ts'
import { Tools } from '../../../build/tools/tools.ts'

/** Programs of the original to compare with, by their paths. */
export interface Originals {
  etcdctl: string
  server: string
  /** The load generator of benchmarks. */
  wrk: string
}

const ROOT = resolve(import.meta.dirname, '../../..')
/** Group of the lock. */
const GROUP = 'originals'

/** The originals: those of the locked Debian packages, or others named by ORLOP_ETCDCTL, ORLOP_ETCD_SERVER, ORLOP_WRK. */
export async function findOriginals(env: NodeJS.ProcessEnv): Promise<Originals> {
  const { programs } = await openOriginals()
  const found = {
    etcdctl: env.ORLOP_ETCDCTL || join(programs, 'etcdctl'),
    server: env.ORLOP_ETCD_SERVER || join(programs, 'etcd'),
    wrk: env.ORLOP_WRK || join(programs, 'wrk'),
  }
  for (const path of Object.values(found)) {
    if (!existsSync(path)) throw new Error(`${path}, a program to compare with, is not there`)
  }
  return found
}

/** All programs of the locked Debian packages that tests compare with. */
export async function openOriginals(): Promise<Tools> {
  const context = { cache: await Cache.open(), mirrors: findMirrors, progress: silent }
  return await Tools.open(await readLock(ROOT), context, GROUP)
}
