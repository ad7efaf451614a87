import { generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto'
import { makeCertificate } from '../tls/certificate.ts'
import { makeRevocationList } from '../tls/revocation.ts'

/** A certificate, its key, and the authority of this process, which has signed it unless it has signed itself. */
export interface TestCertificate {
  cert: string
  key: string
  ca: string
}

const YEAR_MS = 365 * 86_400_000
const AUTHORITY = 'authority'
const HOSTS = ['127.0.0.1', 'localhost']

const authority = newKey()
const ca = certify(AUTHORITY, authority, true, AUTHORITY, authority)

/**
 * Makes a certificate for 127.0.0.1 and localhost. Fresh machines have no openssl, and no key stands in the repository.
 *
 * @param options `organisation` of the name; `isUnsigned`: nobody but itself has signed it;
 *   `hosts`: addresses and names instead
 */
export function testCertificate(
  commonName: string,
  options: { organisation?: string; isUnsigned?: boolean; hosts?: readonly string[] } = {},
): TestCertificate {
  const key = newKey()
  const { organisation, hosts = HOSTS } = options
  const cert = options.isUnsigned
    ? certify(commonName, key, false, commonName, key, hosts, organisation)
    : certify(commonName, key, false, AUTHORITY, authority, hosts, organisation)
  return { cert, key: key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), ca }
}

/** A list of certificates that the authority of this process has revoked. */
export function testRevocationList(revoked: readonly TestCertificate[]): string {
  const now = Date.now()
  const serials = revoked.map(({ cert }) => Buffer.from(new X509Certificate(cert).serialNumber, 'hex'))
  const times = { thisUpdateMs: now - YEAR_MS, nextUpdateMs: now + YEAR_MS }
  return makeRevocationList(
    { serials, number: Buffer.from([serials.length + 1]), ...times },
    { commonName: AUTHORITY, key: authority.privateKey },
  )
}

type Pair = ReturnType<typeof newKey>

function newKey() {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
}

function certify(
  commonName: string,
  { publicKey }: Pair,
  isAuthority: boolean,
  issuer: string,
  { privateKey }: Pair,
  hosts: readonly string[] = HOSTS,
  organisation?: string,
): string {
  const now = Date.now()
  return makeCertificate(
    {
      commonName,
      ...(organisation === undefined ? {} : { organisation }),
      hosts,
      publicKey,
      serial: randomBytes(16),
      notBeforeMs: now - YEAR_MS,
      notAfterMs: now + YEAR_MS,
      isAuthority,
    },
    { commonName: issuer, key: privateKey },
  )
}
