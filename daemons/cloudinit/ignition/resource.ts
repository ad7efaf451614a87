import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import type { View } from '../cloudconfig/view.ts'
import type { Content, Origin, Remote } from '../plan/plan.ts'

/** Of what stands in a configuration, unpacked. */
const BYTES_MAX = 64 * 1024 * 1024
const HASH = /^(sha256|sha512)-([0-9a-f]+)$/i
const DIGITS = { sha256: 64, sha512: 128 } as const
const DATA = /^data:([^,;]*)((?:;[^,;]*)*),(.*)$/s

/** A resource that is none: what is wrong, and where. */
export class ResourceError extends Error {
  readonly origin: Origin

  constructor(message: string, origin: Origin) {
    super(message)
    this.origin = origin
  }
}

/**
 * The content that a resource stands for; undefined when it names none. What stands in the configuration itself is
 * unpacked and compared with its hash at once.
 *
 * @throws ResourceError
 */
export function readResource(resource: View): Content | undefined {
  const inline = resource.text('inline')
  const source = resource.text('source')
  const compression = resource.text('compression') ?? 'none'
  if (compression !== 'none' && compression !== 'gzip')
    throw new ResourceError(`compression must be gzip, not '${compression}'`, resource.at('compression'))
  const hash = readHash(resource.map('verification'))
  if (inline !== undefined && source !== undefined)
    throw new ResourceError('inline and source exclude each other', resource.at('source'))
  const bytes = inline === undefined ? dataOf(source, resource) : Buffer.from(inline, 'utf8')
  if (bytes !== undefined && resource.maps('http_headers').length > 0)
    throw new ResourceError('only http and https have headers', resource.at('http_headers'))
  if (bytes !== undefined)
    return { kind: 'inline', bytes: verified(unpacked(bytes, compression, resource), hash, resource) }
  if (source === undefined) return undefined
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(source)?.[1]?.toLowerCase() ?? ''
  if (scheme !== 'http' && scheme !== 'https')
    throw new ResourceError(
      `not supported: ${scheme === '' ? `'${source}'` : `sources of ${scheme}:`}; there are data:, http: and https:`,
      resource.at('source'),
    )
  return {
    kind: 'remote',
    url: source,
    headers: headersOf(resource),
    compression,
    ...(hash === undefined ? {} : { hash }),
  }
}

function headersOf(resource: View): Remote['headers'] {
  return resource.maps('http_headers').map(header => {
    const [name, value] = [header.text('name') ?? '', header.text('value') ?? '']
    if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name) || /[\r\n]/.test(value))
      throw new ResourceError(`'${name}' is no header`, header.origin)
    return { name, value }
  })
}

function readHash(verification: View): Remote['hash'] {
  const text = verification.text('hash')
  if (text === undefined) return undefined
  const [, algorithm = '', digest = ''] = HASH.exec(text) ?? []
  const name = algorithm.toLowerCase() as keyof typeof DIGITS
  if (digest.length !== DIGITS[name])
    throw new ResourceError('hash must be sha256- or sha512- and its digits', verification.at('hash'))
  return { algorithm: name, digest: digest.toLowerCase() }
}

function dataOf(source: string | undefined, resource: View): Buffer | undefined {
  if (source === undefined || !/^data:/i.test(source)) return undefined
  const [, , parameters = '', data = ''] = DATA.exec(source) ?? []
  if (!DATA.test(source)) throw new ResourceError('a data: URL needs a comma', resource.at('source'))
  let text: string
  try {
    text = decodeURIComponent(data.replaceAll(/%(?![0-9a-f]{2})/gi, '%25'))
  } catch {
    // Bytes that are no UTF-8.
    text = ''
  }
  if (!parameters.split(';').includes('base64'))
    return text === '' && data !== '' ? percentBytes(data) : Buffer.from(text, 'utf8')
  if (!/^[A-Za-z0-9+/\s]*={0,2}$/.test(text))
    throw new ResourceError('the data is no base64', resource.at('source'))
  return Buffer.from(text, 'base64')
}

function percentBytes(data: string): Buffer {
  const bytes: number[] = []
  for (let at = 0; at < data.length; at++) {
    const digits = /^%([0-9a-f]{2})/i.exec(data.slice(at, at + 3))?.[1]
    bytes.push(digits === undefined ? data.charCodeAt(at) & 0xff : Number.parseInt(digits, 16))
    if (digits !== undefined) at += 2
  }
  return Buffer.from(bytes)
}

function unpacked(bytes: Buffer, compression: string, resource: View): Buffer {
  if (compression === 'none') return bytes
  try {
    return gunzipSync(bytes, { maxOutputLength: BYTES_MAX })
  } catch {
    throw new ResourceError('it can not be unpacked as gzip', resource.origin)
  }
}

function verified(bytes: Buffer, hash: Remote['hash'], resource: View): Buffer {
  if (hash === undefined) return bytes
  const found = createHash(hash.algorithm).update(bytes).digest('hex')
  if (found === hash.digest) return bytes
  throw new ResourceError(
    `its ${hash.algorithm} is ${found}, and not what verification says`,
    resource.at('verification'),
  )
}
