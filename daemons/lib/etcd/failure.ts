import { EndpointError } from './errors.ts'

/** What the network gave, in the words that operators know from programs in Go. */
const CONNECT: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'connect: connection refused'],
  ['EHOSTUNREACH', 'connect: no route to host'],
  ['ENETUNREACH', 'connect: network is unreachable'],
  ['EACCES', 'connect: permission denied'],
  ['EADDRNOTAVAIL', 'connect: cannot assign requested address'],
  ['ETIMEDOUT', 'i/o timeout'],
  ['ENOENT', 'connect: no such file or directory'],
])
const UNKNOWN_AUTHORITY = 'x509: certificate signed by unknown authority'
const TRUST: ReadonlyMap<string, string> = new Map([
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', UNKNOWN_AUTHORITY],
  ['UNABLE_TO_GET_ISSUER_CERT', UNKNOWN_AUTHORITY],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', UNKNOWN_AUTHORITY],
  ['SELF_SIGNED_CERT_IN_CHAIN', UNKNOWN_AUTHORITY],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', UNKNOWN_AUTHORITY],
  ['CERT_HAS_EXPIRED', 'x509: certificate has expired or is not yet valid'],
  ['CERT_NOT_YET_VALID', 'x509: certificate has expired or is not yet valid'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'tls: first record does not look like a TLS handshake'],
  ['ERR_SSL_PACKET_LENGTH_TOO_LONG', 'tls: first record does not look like a TLS handshake'],
  ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'remote error: tls: unknown certificate authority'],
  ['ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE', 'remote error: tls: bad certificate'],
  ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'remote error: tls: certificate required'],
])

interface SystemError {
  code?: unknown
  message?: unknown
  address?: unknown
  port?: unknown
  hostname?: unknown
  reason?: unknown
  errors?: unknown
}

/**
 * Puts an error of a connection into words.
 *
 * @param error what Node's http, net or tls gave
 */
export function describeConnection(error: unknown): EndpointError {
  const all = fieldsOf(error)
  // A name with several addresses gives the errors of all.
  const first = Array.isArray(all.errors) && all.errors.length > 0 ? fieldsOf(all.errors[0]) : all
  const code = typeof first.code === 'string' ? first.code : ''
  const options = { cause: error }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    const why = code === 'ENOTFOUND' ? 'no such host' : 'server misbehaving'
    return new EndpointError(`dial tcp: lookup ${String(first.hostname)}: ${why}`, true, options)
  }
  const connect = CONNECT.get(code)
  if (connect !== undefined) {
    const network = first.port === undefined ? 'unix' : 'tcp'
    return new EndpointError(`dial ${network} ${addressOf(first)}: ${connect}`, true, options)
  }
  const trust = TRUST.get(code)
  if (trust !== undefined) return new EndpointError(trust, false, options)
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return new EndpointError(`x509: ${String(first.reason)}`, false, options)
  if (code === 'ECONNRESET') {
    const reset = first.message !== 'socket hang up'
    return new EndpointError(reset ? 'read tcp: connection reset by peer' : 'EOF', false, options)
  }
  if (code === 'EPROTO' && /wrong version number|packet length too long/.test(String(first.message)))
    return new EndpointError('tls: first record does not look like a TLS handshake', false, options)
  if (code === 'EPIPE') return new EndpointError('write tcp: broken pipe', false, options)
  return new EndpointError(typeof first.message === 'string' ? first.message : String(error), false, options)
}

function fieldsOf(error: unknown): SystemError {
  return typeof error === 'object' && error !== null ? error : {}
}

function addressOf({ address, port }: SystemError): string {
  const host = String(address)
  if (port === undefined) return host
  return host.includes(':') ? `[${host}]:${String(port)}` : `${host}:${String(port)}`
}
