import { createPublicKey, sign } from 'node:crypto'
import type { Issuer } from './certificate.ts'
import { bitString, element, identifier, integer, sequence, time } from './der.ts'
import { AUTHORITY_KEY_ID, authorityKey, ECDSA_WITH_SHA256, extension, nameOf, pem } from './parts.ts'

/** What a list of revoked certificates is to say. */
export interface RevocationRequest {
  /** Serial numbers of certificates of the issuer that are good no more. */
  serials: readonly Uint8Array[]
  /** Greater than that of each list before; up to 20 bytes. */
  number: Uint8Array
  /** Milliseconds since 1970: from when on it holds, and when the next list is there at the latest. */
  thisUpdateMs: number
  nextUpdateMs: number
}

const VERSION_2 = Buffer.from([1])
const CRL_NUMBER = '2.5.29.20'
const EXTENSIONS = 0xa0

/** Makes a list of revoked certificates in PEM (RFC 5280, section 5), signed by ECDSA with SHA-256. */
export function makeRevocationList(request: RevocationRequest, issuer: Issuer): string {
  const algorithm = sequence(identifier(ECDSA_WITH_SHA256))
  const { serials, thisUpdateMs, nextUpdateMs } = request
  const revoked = serials.map(serial => sequence(integer(serial), time(thisUpdateMs)))
  const body = sequence(
    integer(VERSION_2),
    algorithm,
    nameOf(issuer),
    time(thisUpdateMs),
    time(nextUpdateMs),
    // An empty list is left out.
    ...(revoked.length === 0 ? [] : [sequence(...revoked)]),
    element(
      EXTENSIONS,
      sequence(
        extension(AUTHORITY_KEY_ID, false, authorityKey(createPublicKey(issuer.key))),
        extension(CRL_NUMBER, false, integer(request.number)),
      ),
    ),
  )
  const signature = sign('sha256', body, { key: issuer.key, dsaEncoding: 'der' })
  return pem('X509 CRL', sequence(body, algorithm, bitString(signature)))
}
