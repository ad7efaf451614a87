import { gunzipSync } from 'node:zlib'

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/

/**
 * The bytes of a content in an encoding of write_files; undefined when it can not be decoded, or becomes more bytes
 * than it may.
 */
export function decodeContent(content: string, encoding: string, bytesMax: number): Uint8Array | undefined {
  const parts = encoding.split('+')
  const isBase64 = parts.some(part => part === 'b64' || part === 'base64')
  const isGzip = parts.some(part => part === 'gz' || part === 'gzip')
  // Without base64, bytes above 127 stand as characters in the text.
  const bytes = isBase64 ? fromBase64(content) : Buffer.from(content, isGzip ? 'latin1' : 'utf8')
  if (bytes === undefined || !isGzip) return bytes
  try {
    return gunzipSync(bytes, { maxOutputLength: Math.max(1, bytesMax) })
  } catch {
    return undefined
  }
}

function fromBase64(text: string): Uint8Array | undefined {
  const digits = text.replaceAll(/\s/g, '')
  return BASE64.test(digits) && digits.length % 4 === 0 ? Buffer.from(digits, 'base64') : undefined
}
