import { createHash, type KeyObject } from 'node:crypto'
import { element, identifier, octetString, sequence, setOf, text, yes } from './der.ts'

/** The algorithm of every signature here (RFC 5758, 3.2). */
export const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2'
/** The extension that says whose key has signed (RFC 5280, 4.2.1.1). */
export const AUTHORITY_KEY_ID = '2.5.29.35'

const COMMON_NAME = '2.5.4.3'
const ORGANISATION = '2.5.4.10'
const KEY_ID = 0x80
const PEM_LINE_CHARS = 64

/** A name of RFC 5280, 4.1.2.4. */
export function nameOf({ commonName, organisation }: { commonName: string; organisation?: string }): Buffer {
  const parts = organisation === undefined ? [] : [attribute(ORGANISATION, organisation)]
  return sequence(...parts, attribute(COMMON_NAME, commonName))
}

function attribute(kind: string, value: string): Buffer {
  return setOf(sequence(identifier(kind), text(value)))
}

/** An extension. Who does not know a critical one must refuse the whole. */
export function extension(kind: string, isCritical: boolean, value: Uint8Array): Buffer {
  return sequence(identifier(kind), ...(isCritical ? [yes()] : []), octetString(value))
}

/** The value of the extension that says whose key has signed. */
export function authorityKey(publicKey: KeyObject): Buffer {
  return sequence(element(KEY_ID, keyId(publicKey)))
}

/** Any function of the key will do that no two keys share. */
export function keyId(publicKey: KeyObject): Buffer {
  return createHash('sha1')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest()
}

/** The text form of RFC 7468. */
export function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(new RegExp(`.{1,${PEM_LINE_CHARS}}`, 'g')) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
