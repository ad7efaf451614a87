import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { replaceFile, syncDirectory } from '#lib/durable.ts'
import { errorCode, UserError } from '#lib/errors.ts'
import { decodeOrigin, decodeProxyCluster, encodeOrigin, encodeProxyCluster, ORIGIN_FILE } from '../origin.ts'
import type { DataState, Origin } from '../plan.ts'

const FOLDER_MODE = 0o700
const FILE_MODE = 0o600

/**
 * The data directory: `member/{wal,snap,origin.json}` of a member, `proxy/cluster` of a proxy, `discovery.json` while a
 * member registers itself under a token.
 */
export class DataFolder {
  readonly path: string
  readonly walFolder: string
  readonly snapFolder: string

  constructor(path: string, walDir: string) {
    this.path = path
    this.walFolder = walDir === '' ? join(path, 'member', 'wal') : walDir
    this.snapFolder = join(path, 'member', 'snap')
  }

  /** @throws UserError when it cannot be made or read */
  async prepare(): Promise<void> {
    try {
      await mkdir(this.path, { recursive: true, mode: FOLDER_MODE })
      await readdir(this.path)
    } catch (error) {
      throw new UserError(`cannot access data directory: ${(error as Error).message}`)
    }
  }

  get lockPath(): string {
    return join(this.path, 'lock')
  }

  /** @throws UserError for data of the original, which is not read */
  async state(): Promise<DataState> {
    const member = join(this.path, 'member')
    if (existsSync(join(member, 'snap', 'db')))
      throw new UserError(
        `${member} was written by another etcd, whose files this one does not read`,
        'copy its keys with etcdctl from a running member, or give another --data-dir',
      )
    const wal = await list(this.walFolder)
    const isMember = wal.some(file => file.endsWith('.wal')) || existsSync(join(member, ORIGIN_FILE))
    const isProxy = existsSync(join(this.path, 'proxy', 'cluster'))
    if (isMember) return isProxy ? 'both' : 'member'
    return isProxy ? 'proxy' : 'empty'
  }

  /** What the member began with; undefined when that is not known, which matters only to one that had just begun. */
  async readOrigin(): Promise<Origin | undefined> {
    const text = await readOr(join(this.path, 'member', ORIGIN_FILE))
    if (text === undefined) return undefined
    const origin = decodeOrigin(text)
    if (origin === undefined) throw new UserError(`${this.path}/member/${ORIGIN_FILE} is damaged`)
    return origin
  }

  /** Durable when it resolves: from then on the directory is a member's. */
  async writeOrigin(origin: Origin): Promise<void> {
    await this.#write('member', ORIGIN_FILE, encodeOrigin(origin))
    await this.unmarkDiscovery()
  }

  /** The peer URLs that a proxy asks; undefined when there is no such file. */
  async readProxy(): Promise<string[] | undefined> {
    const text = await readOr(join(this.path, 'proxy', 'cluster'))
    if (text === undefined) return undefined
    const urls = decodeProxyCluster(text)
    if (urls === undefined)
      throw new UserError(`${this.path}/proxy/cluster is damaged`, 'remove it and give --initial-cluster')
    return urls
  }

  async writeProxy(peerUrls: readonly string[]): Promise<void> {
    await this.#write('proxy', 'cluster', encodeProxyCluster(peerUrls))
    await this.unmarkDiscovery()
  }

  /** Whether this directory was about to register an id under a token. */
  async isDiscovering(url: string, id: string): Promise<boolean> {
    const text = await readOr(join(this.path, 'discovery.json'))
    return text === JSON.stringify({ url, id })
  }

  async markDiscovery(url: string, id: string): Promise<void> {
    await replaceFile(join(this.path, 'discovery.json'), JSON.stringify({ url, id }), { mode: FILE_MODE })
  }

  async unmarkDiscovery(): Promise<void> {
    await rm(join(this.path, 'discovery.json'), { force: true })
  }

  async #write(folder: string, file: string, text: string): Promise<void> {
    const path = join(this.path, folder)
    await mkdir(path, { recursive: true, mode: FOLDER_MODE })
    await syncDirectory(this.path)
    await replaceFile(join(path, file), text, { mode: FILE_MODE })
  }
}

async function list(path: string): Promise<string[]> {
  try {
    return await readdir(path)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw error
  }
}

async function readOr(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}
