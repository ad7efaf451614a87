import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '#lib/errors.ts'
import { complaint, type Runner } from '../../apply/host/machine.ts'
import { type Asking, GUESTINFO_PREFIX, type Guestinfo, readGuestinfo } from '../guestinfo.ts'
import { networkFiles } from '../networkd.ts'
import { parseOvfEnvironment } from '../ovfenv.ts'
import { GUESTINFO_PROGRAMS } from '../source.ts'
import { METADATA_BYTES_MAX, readBounded } from './files.ts'
import { newReading, type Reading, readPart, takeMetadata } from './reading.ts'

/** The name of an OVF environment on a disc labelled `OVF ENV`. */
export const OVF_FILE = 'ovf-env.xml'

const NO_VALUE = /no value found/i

/** Reads guestinfo by the program of VMware's tools that is there. */
export async function readGuestinfoByProgram(root: string, run: Runner): Promise<Reading> {
  const program = await findProgram(root)
  return await read('guestinfo', async key => {
    const request = `info-get ${GUESTINFO_PREFIX}${key}`
    const ran = await run(program, program.endsWith('vmtoolsd') ? ['--cmd', request] : [request])
    if (ran.status === 0) return ran.stdout.replace(/\r?\n$/, '')
    if (NO_VALUE.test(`${ran.stdout}${ran.stderr}`)) return undefined
    throw new UserError(`${program}: ${complaint(ran)}`)
  })
}

/** Reads an OVF environment from a file. */
export async function readOvfFile(path: string, shown = path): Promise<Reading> {
  const bytes = await readBounded(path, METADATA_BYTES_MAX, shown)
  if (bytes === undefined) throw new UserError(`${shown}: no such file or directory`)
  const properties = parseOvfEnvironment(bytes.toString('utf8'))
  return await read(shown, async key => properties.get(`${GUESTINFO_PREFIX}${key}`))
}

async function read(place: string, ask: (key: string) => Promise<string | undefined>): Promise<Reading> {
  const reading = newReading(place)
  const found = await readPart(reading, () => answer(readGuestinfo(), ask))
  if (found === undefined) return { ...reading, isBroken: true }
  const { data, url, hostname, substitutes, interfaces, problems } = found
  if (data !== undefined && data.length > 0) reading.userData = data
  else if (url !== undefined) reading.userDataUrl = url
  takeMetadata(reading, { ...(hostname === undefined ? {} : { hostname }), substitutes })
  reading.networkFiles = interfaces.flatMap(networkFiles)
  reading.problems.push(...problems.map(problem => `guestinfo: ${problem}`))
  return reading
}

async function answer(
  questions: Asking<Guestinfo>,
  ask: (key: string) => Promise<string | undefined>,
): Promise<Guestinfo> {
  let step = questions.next()
  while (!step.done) step = questions.next(await ask(step.value))
  return step.value
}

async function findProgram(root: string): Promise<string> {
  for (const program of GUESTINFO_PROGRAMS)
    try {
      await access(join(root, program))
      return program
    } catch {
      // The other one may be there.
    }
  throw new UserError(
    `guestinfo: neither ${GUESTINFO_PROGRAMS.join(' nor ')} is there to read it`,
    'use an OVF environment or a config drive',
  )
}
