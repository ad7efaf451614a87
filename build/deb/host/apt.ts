import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  chooseMirrors,
  type Mirrors,
  parseAptProxy,
  parseSources,
  parseSourcesList,
  type Source,
} from '../mirrors.ts'

/**
 * Finds the Debian archives that this host uses, from the environment and apt's configuration.
 *
 * @param folder apt's configuration
 * @throws UserError when neither names them
 */
export async function findMirrors(
  environment: Record<string, string | undefined> = process.env,
  folder = '/etc/apt',
): Promise<Mirrors> {
  const sources: Source[] = []
  for (const path of [join(folder, 'sources.list'), ...(await list(join(folder, 'sources.list.d')))]) {
    if (path.endsWith('.sources')) sources.push(...parseSources(await read(path)))
    else if (path.endsWith('.list')) sources.push(...parseSourcesList(await read(path)))
  }
  for (const source of sources) source.uris = await resolveMirrorLists(source.uris)
  let configuration = ''
  for (const path of [...(await list(join(folder, 'apt.conf.d'))), join(folder, 'apt.conf')]) {
    configuration += `${await read(path)}\n`
  }
  const proxy = environment['http_proxy'] || parseAptProxy(configuration)
  return chooseMirrors(sources, environment, proxy)
}

/** Debian's cloud images name their mirrors in a file of their own: `mirror+file:/etc/apt/mirrors/debian.list`. */
async function resolveMirrorLists(uris: string[]): Promise<string[]> {
  const resolved: string[] = []
  for (const uri of uris) {
    const path = /^mirror\+file:(?:\/\/)?(\/.*)$/.exec(uri)?.[1]
    if (path === undefined) resolved.push(uri)
    else
      resolved.push(
        ...(await read(path))
          .split('\n')
          .map(line => line.trim().split(/\s/, 1)[0]!)
          .filter(Boolean),
      )
  }
  return resolved
}

/** Files that are absent or not ours to read say nothing. */
async function read(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch(() => '')
}

async function list(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => [])
  return names.sort().map(name => join(folder, name))
}
