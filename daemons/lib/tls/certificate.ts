import { createHash, createPublicKey, type KeyObject, sign } from 'node:crypto'
import {
  bitString,
  element,
  identifier,
  integer,
  octetString,
  sequence,
  setOf,
  text,
  time,
  yes,
} from './der.ts'

/** What a certificate is to say. */
export interface CertificateRequest {
  /** Common name of its owner. */
  commonName: string
  /** Organisation of its owner; none when absent. */
  organisation?: string
  /** IPv4 addresses and DNS names that it is good for. */
  hosts: readonly string[]
  /** Of the owner: on the curve P-256. */
  publicKey: KeyObject
  /** Up to 20 bytes that no other certificate of the issuer has. */
  serial: Uint8Array
  /** Milliseconds since 1970. */
  notBeforeMs: number
  notAfterMs: number
  /** Whether it may sign others. */
  isAuthority?: boolean
}

/** Who signs. */
export interface Issuer {
  commonName: string
  organisation?: string
  /** Private key on the curve P-256. */
  key: KeyObject
}

const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2'
const COMMON_NAME = '2.5.4.3'
const ORGANISATION = '2.5.4.10'
const SUBJECT_KEY_ID = '2.5.29.14'
const KEY_USAGE = '2.5.29.15'
const ALTERNATIVE_NAMES = '2.5.29.17'
const BASIC_CONSTRAINTS = '2.5.29.19'
const AUTHORITY_KEY_ID = '2.5.29.35'
const EXTENDED_KEY_USAGE = '2.5.29.37'
const SERVER_AUTHENTICATION = '1.3.6.1.5.5.7.3.1'
const CLIENT_AUTHENTICATION = '1.3.6.1.5.5.7.3.2'
/** Tags of the context. */
const VERSION = 0xa0
const EXTENSIONS = 0xa3
const DNS_NAME = 0x82
const IP_ADDRESS = 0x87
const KEY_ID = 0x80
const VERSION_3 = Buffer.from([2])
/** digitalSignature; keyCertSign and cRLSign (RFC 5280, 4.2.1.3): bits from the left. */
const USAGE_END = bitString(Buffer.from([0x80]), 7)
const USAGE_AUTHORITY = bitString(Buffer.from([0x06]), 1)
const IPV4 = /^\d+\.\d+\.\d+\.\d+$/
const PEM_LINE_CHARS = 64

/**
 * Makes a certificate for TLS servers and clients, in PEM (RFC 5280), signed by ECDSA with SHA-256. Members that are
 * told to make their own (`--auto-tls`), and tests, need no openssl for it.
 */
export function makeCertificate(request: CertificateRequest, issuer: Issuer): string {
  const algorithm = sequence(identifier(ECDSA_WITH_SHA256))
  const body = sequence(
    element(VERSION, integer(VERSION_3)),
    integer(request.serial),
    algorithm,
    nameOf(issuer),
    sequence(time(request.notBeforeMs), time(request.notAfterMs)),
    nameOf(request),
    request.publicKey.export({ type: 'spki', format: 'der' }),
    element(EXTENSIONS, sequence(...extensionsOf(request, issuer))),
  )
  const signature = sign('sha256', body, { key: issuer.key, dsaEncoding: 'der' })
  return pem('CERTIFICATE', sequence(body, algorithm, bitString(signature)))
}

function nameOf({ commonName, organisation }: { commonName: string; organisation?: string }): Buffer {
  const parts = organisation === undefined ? [] : [attribute(ORGANISATION, organisation)]
  return sequence(...parts, attribute(COMMON_NAME, commonName))
}

function attribute(kind: string, value: string): Buffer {
  return setOf(sequence(identifier(kind), text(value)))
}

function extensionsOf(request: CertificateRequest, issuer: Issuer): Buffer[] {
  const isAuthority = request.isAuthority === true
  const extensions = [
    extension(BASIC_CONSTRAINTS, true, isAuthority ? sequence(yes()) : sequence()),
    extension(KEY_USAGE, true, isAuthority ? USAGE_AUTHORITY : USAGE_END),
    extension(SUBJECT_KEY_ID, false, octetString(keyId(request.publicKey))),
    extension(AUTHORITY_KEY_ID, false, sequence(element(KEY_ID, keyId(createPublicKey(issuer.key))))),
  ]
  if (isAuthority) return extensions
  const uses = sequence(identifier(SERVER_AUTHENTICATION), identifier(CLIENT_AUTHENTICATION))
  extensions.push(extension(EXTENDED_KEY_USAGE, false, uses))
  if (request.hosts.length > 0)
    extensions.push(extension(ALTERNATIVE_NAMES, false, sequence(...request.hosts.map(hostName))))
  return extensions
}

function extension(kind: string, isCritical: boolean, value: Uint8Array): Buffer {
  return sequence(identifier(kind), ...(isCritical ? [yes()] : []), octetString(value))
}

function hostName(host: string): Buffer {
  return IPV4.test(host)
    ? element(IP_ADDRESS, Buffer.from(host.split('.').map(Number)))
    : element(DNS_NAME, Buffer.from(host, 'latin1'))
}

/** Any function of the key will do that no two keys share. */
function keyId(key: KeyObject): Buffer {
  return createHash('sha1')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest()
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(new RegExp(`.{1,${PEM_LINE_CHARS}}`, 'g')) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
