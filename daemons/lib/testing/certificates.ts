import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { makeCertificate } from '../tls/certificate.ts'

/** A certificate, its key, and the authority of this process, which has signed it unless it has signed itself. */
export interface TestCertificate {
  cert: string
  key: string
  ca: string
}

const YEAR_MS = 365 * 86_400_000
const AUTHORITY = 'authority'

const authority = newKey()
const ca = certify(AUTHORITY, authority, true, AUTHORITY, authority)

/**
 * Makes a certificate for 127.0.0.1 and localhost. Fresh machines have no openssl, and no key stands in the repository.
 *
 * @param options `organisation` of the name; `isUnsigned`: nobody but itself has signed it
 */
export function testCertificate(
  commonName: string,
  options: { organisation?: string; isUnsigned?: boolean } = {},
): TestCertificate {
  const key = newKey()
  const { organisation } = options
  const cert = options.isUnsigned
    ? certify(commonName, key, false, commonName, key, organisation)
    : certify(commonName, key, false, AUTHORITY, authority, organisation)
  return { cert, key: key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), ca }
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
  organisation?: string,
): string {
  const now = Date.now()
  return makeCertificate(
    {
      commonName,
      ...(organisation === undefined ? {} : { organisation }),
      hosts: ['127.0.0.1', 'localhost'],
      publicKey,
      serial: randomBytes(16),
      notBeforeMs: now - YEAR_MS,
      notAfterMs: now + YEAR_MS,
      isAuthority,
    },
    { commonName: issuer, key: privateKey },
  )
}
