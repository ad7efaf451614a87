import {
  checkServerIdentity,
  type PeerCertificate,
  type SecureContextOptions,
  type TlsOptions,
} from 'node:tls'
import type { ClientCertificate } from '#lib/http/request.ts'

/** What the flags `--peer-…` say about encryption; files are read by who makes this. */
export interface PeerTls {
  /** PEM, with what stands between it and the authority. Shown to clients, and by us as a client. */
  cert: string | Buffer
  key: string | Buffer
  /** Authorities whose certificates are taken, on both sides; without it those of Node. */
  ca?: string | Buffer
  /** Lists of revoked certificates. */
  crl?: string | Buffer
  /** Those that are spoken, in OpenSSL's notation; without it those of Node. */
  ciphers?: string
  /** Whoever connects has to show a certificate of `ca`. */
  clientCertAuth?: boolean
  /** As with automatic TLS: encrypted, but nobody is asked who he is. */
  skipsVerification?: boolean
  /** The only common name that members have. */
  allowedCommonName?: string
  /** The name or address that certificates of members must be made out for. */
  allowedHostname?: string
}

/** Of the listening side. */
export function serverOptions(tls: PeerTls): TlsOptions {
  const asks = tls.clientCertAuth === true || mustCheck(tls)
  return { ...materials(tls), requestCert: asks, rejectUnauthorized: asks }
}

/** Certificates and whose are taken, for the side that connects. */
export interface PeerClientOptions extends SecureContextOptions {
  rejectUnauthorized: boolean
  checkServerIdentity?: (host: string, certificate: PeerCertificate) => Error | undefined
}

/** Of the side that connects. */
export function clientOptions(tls: PeerTls): PeerClientOptions {
  const options = { ...materials(tls), rejectUnauthorized: tls.skipsVerification !== true }
  if (!mustCheck(tls)) return options
  return { ...options, checkServerIdentity: (host, certificate) => checkServer(tls, host, certificate) }
}

/** Whether who has proved to be that may speak as a member. */
export function isAllowed(tls: PeerTls | undefined, certificate: ClientCertificate | undefined): boolean {
  if (tls === undefined || !mustCheck(tls)) return true
  if (certificate === undefined) return false
  const { commonName, alternativeNames } = certificate
  if (tls.allowedCommonName !== undefined && tls.allowedCommonName !== commonName) return false
  if (tls.allowedHostname === undefined) return true
  const shown = { subject: { CN: commonName }, subjectaltname: alternativeNames } as PeerCertificate
  return checkServerIdentity(tls.allowedHostname, shown) === undefined
}

function mustCheck({ allowedCommonName, allowedHostname }: PeerTls): boolean {
  return allowedCommonName !== undefined || allowedHostname !== undefined
}

function checkServer(tls: PeerTls, host: string, certificate: PeerCertificate): Error | undefined {
  const problem = checkServerIdentity(host, certificate)
  if (problem !== undefined) return problem
  const { subject, subjectaltname: alternativeNames = '' } = certificate
  const name: unknown = subject?.CN
  const commonName = Array.isArray(name) ? String(name[0]) : String(name ?? '')
  if (isAllowed(tls, { commonName, alternativeNames })) return undefined
  return new Error(`the certificate of ${host} (CN ${commonName}) is not that of a member`)
}

function materials({ cert, key, ca, crl, ciphers }: PeerTls): SecureContextOptions {
  const trust = { ...(ca === undefined ? {} : { ca }), ...(crl === undefined ? {} : { crl }) }
  return { cert, key, ...trust, ...(ciphers === undefined ? {} : { ciphers }) }
}
