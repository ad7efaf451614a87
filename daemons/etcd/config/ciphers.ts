import { UserError } from '#lib/errors.ts'

/** Of TLS 1.3: like the original, these cannot be chosen. */
const TLS13 = 'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256'
/** `TLS_` key exchange, signature, `_WITH_` cipher, mode and hash: those with forward secrecy and without known flaws. */
const NAME =
  /^TLS_ECDHE_(ECDSA|RSA)_WITH_(AES_128|AES_256|CHACHA20_POLY1305)(_GCM|_CBC)?(_SHA|_SHA256|_SHA384)?$/
const KNOWN = new Set([
  'AES128-GCM-SHA256',
  'AES256-GCM-SHA384',
  'AES128-SHA',
  'AES256-SHA',
  'AES128-SHA256',
  'CHACHA20-POLY1305',
])

/**
 * Cipher suites by the names of IANA, as `--cipher-suites` has them, in OpenSSL's notation.
 *
 * @returns '' for none given: those of Node
 * @throws UserError for a name that is unknown or no longer safe
 */
export function readCiphers(names: readonly string[]): string {
  if (names.length === 0) return ''
  return [...names.map(opensslName), TLS13].join(':')
}

function opensslName(name: string): string {
  const [whole, signature, cipher = '', mode = '', hash = ''] = NAME.exec(name) ?? []
  const block = cipher.replace('AES_', 'AES')
  const short = cipher.startsWith('CHACHA20')
    ? 'CHACHA20-POLY1305'
    : `${block}${mode === '_GCM' ? '-GCM' : ''}${hash.replace('_', '-')}`
  if (whole === undefined || !KNOWN.has(short))
    throw new UserError(
      `unexpected TLS cipher suite ${JSON.stringify(name)}`,
      'such as TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256; only suites with ECDHE are spoken',
    )
  return `ECDHE-${signature}-${short}`
}
