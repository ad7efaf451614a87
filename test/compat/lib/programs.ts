import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** Programs of the original to compare with; undefined where there is none. */
export interface Originals {
  etcdctl: string | undefined
  server: string | undefined
}

/** Finds the originals: named by ORLOP_ETCDCTL and ORLOP_ETCD_SERVER, or in PATH. */
export function findOriginals(env: NodeJS.ProcessEnv): Originals {
  return {
    etcdctl: env['ORLOP_ETCDCTL'] || inPath('etcdctl', env),
    server: env['ORLOP_ETCD_SERVER'] || inPath('etcd', env),
  }
}

function inPath(name: string, env: NodeJS.ProcessEnv): string | undefined {
  const folders = (env['PATH'] ?? '').split(':').filter(folder => folder.startsWith('/'))
  return folders.map(folder => join(folder, name)).find(path => existsSync(path))
}
