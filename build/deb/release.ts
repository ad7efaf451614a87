import { type Key, readCleartextMessage, readKeys, verify } from 'openpgp'
import { UserError } from '#lib/errors.ts'
import { parseStanzas } from './control.ts'

/** The verified table of contents of a suite. */
export interface Release {
  codename: string
  /** When the archive signed it, seconds since the epoch. */
  date: number
  components: string[]
  /** Whether files can be fetched under the name of their hash, safe from a mirror that changes meanwhile. */
  byHash: boolean
  /** Path below the suite → what it must be. */
  files: Map<string, { size: number; sha256: string }>
}

/** What a Release file is judged by. */
export interface ReleaseTrust {
  /** The suite it must be of. */
  codename: string
  keys: Key[]
  /** Seconds since the epoch. */
  now: number
  /** Takes a file beyond its Valid-Until, for mirrors that are frozen on purpose. */
  acceptExpired?: boolean
}

/**
 * Reads the armoured public keys of `image/keys`.
 *
 * @throws UserError naming the file that holds no key
 */
export async function readTrustedKeys(files: { name: string; text: string }[]): Promise<Key[]> {
  const keys: Key[] = []
  for (const { name, text } of files) {
    try {
      keys.push(...(await readKeys({ armoredKeys: text })))
    } catch (error) {
      throw new UserError(`${name}: is no armoured OpenPGP public key: ${(error as Error).message}`)
    }
  }
  return keys
}

/**
 * Verifies and parses an `InRelease` file. Nothing outside the signed text is looked at.
 *
 * @param name how to call it in messages, usually its URL
 * @throws UserError when no trusted key signed it, it is of another suite, or it has expired
 */
export async function openRelease(inRelease: string, name: string, trust: ReleaseTrust): Promise<Release> {
  const text = await verifiedText(inRelease, name, trust)
  const stanza = parseStanzas(text)[0] ?? new Map<string, string>()
  const codename = stanza.get('codename') ?? ''
  if (codename !== trust.codename) {
    throw new UserError(
      `${name}: is the index of '${codename}', not of '${trust.codename}'`,
      'check the mirror',
    )
  }
  const date = parseDate(stanza.get('date'), name, 'Date')
  const until = stanza.get('valid-until')
  if (until !== undefined && !trust.acceptExpired && parseDate(until, name, 'Valid-Until') < trust.now) {
    throw new UserError(
      `${name}: the index expired on ${until}: the mirror no longer follows Debian, or somebody serves old packages`,
      "check the host's clock, use another mirror, or set ORLOP_DEBIAN_ACCEPT_EXPIRED=1 if the mirror is frozen on purpose",
    )
  }
  return {
    codename,
    date,
    components: (stanza.get('components') ?? '').split(/\s+/).filter(word => word !== ''),
    byHash: stanza.get('acquire-by-hash') === 'yes',
    files: parseFiles(stanza.get('sha256') ?? ''),
  }
}

async function verifiedText(inRelease: string, name: string, trust: ReleaseTrust): Promise<string> {
  let problem = 'it is not signed by any key in image/keys'
  try {
    const message = await readCleartextMessage({ cleartextMessage: inRelease })
    const result = await verify({ message, verificationKeys: trust.keys, date: new Date(trust.now * 1000) })
    for (const signature of result.signatures) {
      try {
        await signature.verified
        return result.data
      } catch (error) {
        // Debian signs with several keys and we need not know all: the last one's complaint is told only if none is good.
        const text = (error as Error).message
        if (!text.startsWith('Could not find signing key')) problem = text
      }
    }
  } catch (error) {
    problem = (error as Error).message
  }
  throw new UserError(
    `${name}: the signature of the index is not valid: ${problem}`,
    'the mirror, or something between, may have changed it: nothing of it was used',
  )
}

function parseFiles(table: string): Release['files'] {
  const files: Release['files'] = new Map()
  for (const line of table.split('\n')) {
    const match = /^\s*([0-9a-f]{64})\s+(\d+)\s+(\S+)\s*$/.exec(line)
    if (match !== null) files.set(match[3]!, { sha256: match[1]!, size: Number(match[2]) })
  }
  return files
}

function parseDate(text: string | undefined, name: string, field: string): number {
  const time = Date.parse(text ?? '')
  if (Number.isNaN(time)) throw new UserError(`${name}: ${field} is '${text}', which is no date`)
  return Math.floor(time / 1000)
}
