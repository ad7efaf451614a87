import { createPublicKey, type KeyObject, sign } from 'node:crypto'
import { bitString, element, identifier, integer, octetString, sequence, time, yes } from './der.ts'
import { AUTHORITY_KEY_ID, authorityKey, ECDSA_WITH_SHA256, extension, keyId, nameOf, pem } from './parts.ts'

/** What a certificate is to say. */
export interface CertificateRequest {
  /** Common name of its owner. */
  commonName: string
  /** Organisation of its owner; none when absent. */
  organisation?: string
  /** Addresses and DNS names that it is good for. */
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

const SUBJECT_KEY_ID = '2.5.29.14'
const KEY_USAGE = '2.5.29.15'
const ALTERNATIVE_NAMES = '2.5.29.17'
const BASIC_CONSTRAINTS = '2.5.29.19'
const EXTENDED_KEY_USAGE = '2.5.29.37'
const SERVER_AUTHENTICATION = '1.3.6.1.5.5.7.3.1'
const CLIENT_AUTHENTICATION = '1.3.6.1.5.5.7.3.2'
/** Tags of the context. */
const VERSION = 0xa0
const EXTENSIONS = 0xa3
const DNS_NAME = 0x82
const IP_ADDRESS = 0x87
const VERSION_3 = Buffer.from([2])
/** digitalSignature; keyCertSign and cRLSign (RFC 5280, 4.2.1.3): bits from the left. */
const USAGE_END = bitString(Buffer.from([0x80]), 7)
const USAGE_AUTHORITY = bitString(Buffer.from([0x06]), 1)
const IPV4 = /^\d+\.\d+\.\d+\.\d+$/
const IPV6_GROUPS = 8

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

function extensionsOf(request: CertificateRequest, issuer: Issuer): Buffer[] {
  const isAuthority = request.isAuthority === true
  const extensions = [
    extension(BASIC_CONSTRAINTS, true, isAuthority ? sequence(yes()) : sequence()),
    extension(KEY_USAGE, true, isAuthority ? USAGE_AUTHORITY : USAGE_END),
    extension(SUBJECT_KEY_ID, false, octetString(keyId(request.publicKey))),
    extension(AUTHORITY_KEY_ID, false, authorityKey(createPublicKey(issuer.key))),
  ]
  if (isAuthority) return extensions
  const uses = sequence(identifier(SERVER_AUTHENTICATION), identifier(CLIENT_AUTHENTICATION))
  extensions.push(extension(EXTENDED_KEY_USAGE, false, uses))
  if (request.hosts.length > 0)
    extensions.push(extension(ALTERNATIVE_NAMES, false, sequence(...request.hosts.map(hostName))))
  return extensions
}

function hostName(host: string): Buffer {
  return IPV4.test(host)
    ? element(IP_ADDRESS, Buffer.from(host.split('.').map(Number)))
    : host.includes(':')
      ? element(IP_ADDRESS, ipv6Bytes(host))
      : element(DNS_NAME, Buffer.from(host, 'latin1'))
}

/** The 16 bytes of an address such as `fe80::1` (RFC 4291, 2.2); one that ends as IPv4 is not understood. */
function ipv6Bytes(address: string): Buffer {
  const [left = [], tail] = address.split('::').map(part => (part === '' ? [] : part.split(':')))
  const right = tail ?? []
  const zeros = new Array<string>(Math.max(0, IPV6_GROUPS - left.length - right.length)).fill('0')
  const bytes = Buffer.alloc(IPV6_GROUPS * 2)
  for (const [at, group] of [...left, ...(tail === undefined ? [] : zeros), ...right].entries())
    bytes.writeUInt16BE(Number.parseInt(group, 16), at * 2)
  return bytes
}
