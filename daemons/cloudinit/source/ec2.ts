import type { Metadata } from '../metadata/metadata.ts'
import { addressFamily } from './address.ts'
import { shown } from './shown.ts'

const VERSION = '2009-04-04'
const KEYS_MAX = 64

/** Path of the user data. */
export const EC2_USER_DATA = `${VERSION}/user-data`
/** Path of a token for the second version of the service, and the headers that ask for and carry it. */
export const EC2_TOKEN = 'latest/api/token'
export const EC2_TOKEN_LIFE = { name: 'X-aws-ec2-metadata-token-ttl-seconds', value: '300' }
export const EC2_TOKEN_HEADER = 'X-aws-ec2-metadata-token'

/**
 * Asks a metadata service in the manner of EC2 (2009-04-04) for all but the user data: gives paths,
 * and is told each answer, or undefined when there is none.
 */
export function* askEc2(): Generator<string, { metadata: Metadata; problems: string[] }, string | undefined> {
  const problems: string[] = []
  const metadata: Metadata = { keys: [], substitutes: {}, network: [] }
  const list = yield `${VERSION}/meta-data/public-keys`
  const entries = lines(list).slice(0, KEYS_MAX)
  for (const entry of entries) {
    const [, number] = /^(\d{1,6})=/.exec(entry) ?? []
    if (number === undefined) {
      problems.push(`public-keys: '${shown(entry)}' must be NUMBER=NAME`)
      continue
    }
    metadata.keys.push(...lines(yield `${VERSION}/meta-data/public-keys/${number}/openssh-key`))
  }
  // DHCP's option for several domains ends up behind the name.
  const hostname = (yield `${VERSION}/meta-data/hostname`)?.trim().split(/\s/)[0]
  if (hostname) metadata.hostname = hostname
  for (const kind of ['private', 'public'] as const) {
    const path = kind === 'private' ? 'local-ipv4' : 'public-ipv4'
    const address = (yield `${VERSION}/meta-data/${path}`)?.trim()
    if (!address) continue
    if (addressFamily(address) === 4) metadata.substitutes[`${kind}_ipv4`] = address
    else problems.push(`${path} '${shown(address)}' is no address`)
  }
  return { metadata, problems }
}

function lines(text: string | undefined): string[] {
  return (text ?? '')
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '')
}
