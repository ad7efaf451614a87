import { join, resolve } from 'node:path'
import { describeFailure, UserError } from '#lib/errors.ts'
import { type Runner, runProgram } from '../../apply/host/machine.ts'
import type { Metadata } from '../../metadata/metadata.ts'
import {
  type Candidate,
  type Explicit,
  explicitPlaces,
  type Facts,
  FIRMWARE_METADATA,
  type Found,
  firmwarePath,
  needsNetwork,
  OEM,
  placesToTry,
} from '../source.ts'
import { readConfigDrive, readMounted } from './configdrive.ts'
import { gatherFacts } from './facts.ts'
import { type FetchTiming, fetchUrl, shownUrl } from './fetch.ts'
import { readBounded, USER_DATA_BYTES_MAX } from './files.ts'
import { readFirmware, readFirmwareMetadata } from './fwcfg.ts'
import { readEc2 } from './metadata.ts'
import { newReading, type Reading, readUserData } from './reading.ts'
import { OVF_FILE, readGuestinfoByProgram, readOvfFile } from './vmware.ts'

/** How a configuration is looked for. */
export interface SearchOptions {
  /** `/`, or a folder that stands for it in tests. Paths that a flag names are not below it. */
  root?: string
  /** Whether there is one; without it, the search ends at the first place that needs it. */
  network: boolean
  /** Only these places, if any are named; and no OEM. */
  explicit?: readonly Explicit[]
  /** A line for everything that was looked at. */
  log: (line: string) => void
  run?: Runner
  /** Known already. */
  facts?: Facts
  timing?: Partial<FetchTiming>
  /** For a place that is not fetched; a drive that does not answer holds up nobody longer. */
  localMs?: number
  signal?: AbortSignal
}

/** What was found. */
export interface Search {
  facts: Facts
  /** To be applied first, in addition. */
  oem?: Found
  /** The configuration of the machine: of the first source that has user data, or else metadata. */
  main?: Found
  /** What QEMU's firmware says of the machine, when `main` is of another source or there is none. */
  machine?: Metadata
  /** The place that is to be asked when there is a network; what comes after it has no say before. */
  waitsFor?: string
  /** Sources that are there and can not be read as they are, one line each. */
  failures: string[]
}

const LOCAL_MS = 30_000

/**
 * Looks for the configuration of a machine, in the order of `SOURCES`. The first source with user data is it, and
 * nothing of another is mixed in. A source whose user data is there and can not be read ends the search: what comes
 * after it was meant to be overruled.
 */
export async function findConfig(options: SearchOptions): Promise<Search> {
  const { root = '/', explicit = [], log } = options
  const facts = options.facts ?? (await gatherFacts(root))
  const search: Search = { facts, failures: [] }
  const isExplicit = explicit.length > 0
  const { candidates, without } = isExplicit ? explicitPlaces(explicit, facts) : placesToTry(facts)
  for (const line of without) log(line)
  if (isExplicit && candidates.length === 0) search.failures.push(...without)
  if (!isExplicit) await findOem(search, options)
  const main = await findMain(candidates, search, options)
  if (main !== undefined) search.main = main
  if (!isExplicit && main?.source !== 'fw_cfg' && facts.paths.has(firmwarePath(FIRMWARE_METADATA)))
    await findMachine(search, options)
  return search
}

async function findMachine(search: Search, options: SearchOptions): Promise<void> {
  const reading = newReading('fw_cfg')
  await readFirmwareMetadata(reading, options.root)
  search.machine = reading.metadata
  // The search may have come by here, or have ended before.
  for (const line of reading.problems.map(problem => `fw_cfg: ${problem}`)) {
    if (search.failures.includes(line)) continue
    search.failures.push(line)
    options.log(line)
  }
}

async function findOem(search: Search, options: SearchOptions): Promise<void> {
  const places = OEM.places(search.facts)
  if (typeof places === 'string') return options.log(`OEM: ${places}`)
  for (const candidate of places) {
    const reading = await readPlace(candidate, search, options)
    if (reading?.userData !== undefined) search.oem = foundOf(candidate, reading)
  }
}

async function findMain(
  candidates: readonly Candidate[],
  search: Search,
  options: SearchOptions,
): Promise<Found | undefined> {
  let metadataOnly: Found | undefined
  for (const candidate of candidates) {
    const waits = () => {
      search.waitsFor = `${candidate.source}: ${shownUrl(candidate.argument)}`
      options.log(`${search.waitsFor}: needs the network`)
      return undefined
    }
    if (needsNetwork(candidate) && !options.network) return waits()
    const reading = await readPlace(candidate, search, options)
    if (reading === undefined) return metadataOnly
    const found = foundOf(candidate, reading)
    if (reading.userData !== undefined) return found
    if (hasMetadata(found)) metadataOnly ??= found
    if (reading.userDataUrl !== undefined) return waits()
    if (reading.isBroken) break
  }
  return metadataOnly
}

/** Reads a place, and what it points to. What is wrong is told; undefined when it could not be read at all. */
async function readPlace(
  candidate: Candidate,
  search: Search,
  options: SearchOptions,
): Promise<Reading | undefined> {
  const { source } = candidate
  const tell = (problem: string) => {
    // Some of it is what programs and servers have said.
    const line = `${source}: ${problem.replace(/[\0-\x1f\x7f]+/g, ' ')}`
    search.failures.push(line)
    options.log(line)
  }
  try {
    const reading = needsNetwork(candidate)
      ? await read(candidate, options)
      : await withDeadline(read(candidate, options), options.localMs ?? LOCAL_MS)
    for (const problem of reading.problems) tell(problem)
    const url = reading.userDataUrl
    if (url !== undefined && options.network) {
      const { place, userData, isBroken, problems } = await readUrl(url, options)
      for (const problem of problems) tell(problem)
      delete reading.userDataUrl
      Object.assign(reading, { place, isBroken }, userData === undefined ? {} : { userData })
    }
    const length = reading.userData?.length
    options.log(`${source}: ${reading.place}: ${length === undefined ? 'no user data' : `${length} bytes`}`)
    return reading
  } catch (error) {
    const reason = describeFailure(error)
    if (reason === undefined) throw error
    tell(reason)
    return undefined
  }
}

async function read({ source, kind, argument }: Candidate, options: SearchOptions): Promise<Reading> {
  const { root = '/', run = runProgram } = options
  const path = source === 'flag' ? resolve(argument) : join(root, argument)
  switch (kind) {
    case 'file':
      return await readFile(path, argument)
    case 'url':
      return await readUrl(argument, options)
    case 'firmware':
      return await readFirmware(root)
    case 'guestinfo':
      return await readGuestinfoByProgram(root, run)
    case 'ovf':
      return await readOvfFile(path, argument)
    case 'ovf-drive':
      return await readMounted({ source: argument, isShare: false, what: 'disc' }, root, run, folder =>
        readOvfFile(join(folder, OVF_FILE), OVF_FILE),
      )
    case 'directory':
      return await readConfigDrive(path, argument)
    case 'drive':
    case 'share': {
      const drive = { source: argument, isShare: kind === 'share', what: kind }
      return await readMounted(drive, root, run, folder => readConfigDrive(folder, argument))
    }
    case 'ec2':
      return await readEc2(argument, fetchOptions(options))
    case 'waagent':
      return await readFile(join(path, 'CustomData'), join(argument, 'CustomData'))
  }
}

async function readFile(path: string, place: string): Promise<Reading> {
  const reading = newReading(place)
  const bytes = await readBounded(path, USER_DATA_BYTES_MAX, place)
  if (bytes === undefined) throw new UserError(`${place}: no such file or directory`)
  if (bytes.length > 0) reading.userData = bytes
  return reading
}

async function readUrl(url: string, options: SearchOptions): Promise<Reading> {
  const reading = newReading(shownUrl(url))
  await readUserData(reading, () =>
    fetchUrl(url, { ...fetchOptions(options), bytesMax: USER_DATA_BYTES_MAX }),
  )
  return reading
}

function fetchOptions({ timing, signal, log }: SearchOptions) {
  return {
    log,
    ...(timing === undefined ? {} : { timing }),
    ...(signal === undefined ? {} : { signal }),
  }
}

function foundOf({ source }: Candidate, { place, userData, metadata, networkFiles }: Reading): Found {
  return { source, place, userData, metadata, networkFiles }
}

function hasMetadata({ metadata, networkFiles }: Found): boolean {
  const { hostname, keys, substitutes, network, etcdRejoin, updateGroup } = metadata
  const isEmpty = hostname === undefined && updateGroup === undefined && etcdRejoin === undefined
  return !isEmpty || keys.length + network.length + networkFiles.length + Object.keys(substitutes).length > 0
}

async function withDeadline<Result>(work: Promise<Result>, ms: number): Promise<Result> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new UserError(`does not answer within ${ms / 1000} s`)), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
