import { createHash } from 'node:crypto'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Key } from 'openpgp'
import { UserError } from '#lib/errors.ts'
import type { Progress } from '#lib/progress.ts'
import type { Cache } from '../cache/cache.ts'
import { unxz } from './compression.ts'
import { type Candidate, PackageIndex } from './index.ts'
import type { Lock, LockedPackage } from './lock.ts'
import type { Mirrors } from './mirrors.ts'
import { openRelease, type Release } from './release.ts'
import { type Request, requestHash, type SuiteRequest, takenFrom } from './request.ts'
import { resolveGroup } from './resolve.ts'
import { NotFoundError, Transport } from './transport.ts'

/** What making a lock needs. */
export interface RelockContext {
  request: Request
  /** How to call the request in messages. */
  requestName: string
  /** The keys that may sign an index. */
  keys: Key[]
  mirrors: Mirrors
  cache: Cache
  progress: Progress
  signal?: AbortSignal | undefined
  /** Seconds since the epoch; the host's clock when absent. */
  now?: number
  /** Takes an index that has expired. */
  acceptExpired?: boolean
  /** For tests that do not want to wait. */
  transport?: Transport
}

/**
 * Fetches and verifies the indexes of all suites and resolves every group of the request.
 *
 * @throws UserError when an index cannot be had or trusted, or a package cannot be resolved
 */
export async function makeLock(context: RelockContext): Promise<Lock> {
  const { request } = context
  const transport = context.transport ?? new Transport({ proxy: context.mirrors.proxy })
  const task = context.progress.begin('Reading package indexes')
  try {
    const index = new PackageIndex()
    const suites: Lock['suites'] = []
    // Not `Promise.all`: nothing may go on behind an error that was reported.
    const loaded = await Promise.allSettled(request.suites.map(suite => loadSuite(suite, transport, context)))
    // In the order of the request, whichever came first.
    for (const result of loaded) {
      if (result.status === 'rejected') throw result.reason
      const { suite, release, texts } = result.value
      const takes = takenFrom(suite, request.suites)
      for (const text of texts) index.add(suite.name, text, request.architecture, takes)
      suites.push({ name: suite.name, archive: suite.archive, date: release.date })
    }
    const groups: Lock['groups'] = {}
    const packages = new Map<string, LockedPackage>()
    for (const [name, group] of Object.entries(request.groups)) {
      const label = `${context.requestName}: group ${name}`
      const resolved = resolveGroup(index, group, request.architecture, label)
      groups[name] = resolved.map(candidate => candidate.name)
      for (const candidate of resolved) packages.set(candidate.name, locked(candidate))
    }
    task.end(`${packages.size} of ${index.size} packages`)
    return {
      version: 1,
      date: Math.max(...suites.map(suite => suite.date)),
      request: requestHash(request),
      suites,
      groups,
      packages: [...packages.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
    }
  } finally {
    if (context.transport === undefined) transport.close()
  }
}

async function loadSuite(
  suite: SuiteRequest,
  transport: Transport,
  context: RelockContext,
): Promise<{ suite: SuiteRequest; release: Release; texts: string[] }> {
  const base = `${context.mirrors[suite.archive]}/dists/${suite.name}`
  const url = `${base}/InRelease`
  const inRelease = await transport.read(url, context.signal).catch(error => {
    if (!(error instanceof NotFoundError)) throw error
    throw new UserError(
      `${url}: not found`,
      'check the mirror: its base URL is the folder that holds dists/ and pool/',
    )
  })
  const release = await openRelease(inRelease.toString('utf8'), url, {
    codename: suite.name,
    keys: context.keys,
    now: context.now ?? Math.floor(Date.now() / 1000),
    acceptExpired: context.acceptExpired ?? false,
  })
  const texts: string[] = []
  for (const component of suite.components) {
    const path = `${component}/binary-${context.request.architecture}/Packages.xz`
    texts.push(await loadIndex(base, path, release, transport, context))
  }
  return { suite, release, texts }
}

/** An index by its hash: from the cache, else from the mirror. */
async function loadIndex(
  base: string,
  path: string,
  release: Release,
  transport: Transport,
  context: RelockContext,
): Promise<string> {
  const expected = release.files.get(path)
  if (expected === undefined)
    throw new UserError(`${base}/InRelease: lists no ${path}`, 'check suites in the request')
  const { cache } = context
  const kept = await readFile(cache.path('indexes', expected.sha256)).catch(() => undefined)
  if (kept !== undefined && sha256(kept) === expected.sha256) return (await unxz(kept)).toString('utf8')
  await rm(cache.path('indexes', expected.sha256), { force: true })
  const bytes = await fetchIndex(base, path, expected.sha256, release.byHash, transport, context.signal)
  const found = sha256(bytes)
  if (found !== expected.sha256) {
    throw new UserError(
      `${base}/${path}: its SHA-256 is ${found}, the signed index says ${expected.sha256}`,
      'the mirror may be half updated: try again later, or use another mirror',
    )
  }
  await cache.entry('indexes', expected.sha256, target => writeFile(target, bytes))
  return (await unxz(bytes)).toString('utf8')
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

async function fetchIndex(
  base: string,
  path: string,
  hash: string,
  byHash: boolean,
  transport: Transport,
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  if (byHash) {
    try {
      return await transport.read(`${base}/${join(path, '..', 'by-hash', 'SHA256', hash)}`, signal)
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error // not every mirror has them
    }
  }
  return await transport.read(`${base}/${path}`, signal).catch(error => {
    if (error instanceof NotFoundError) throw new UserError(error.message, 'check the mirror')
    throw error
  })
}

function locked(candidate: Candidate): LockedPackage {
  const { name, version, architecture, size, sha256, suite, path } = candidate
  return { name, version, architecture, size, sha256, suite, path }
}
