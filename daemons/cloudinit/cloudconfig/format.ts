import { gunzipSync } from 'node:zlib'
import type { Format } from '../plan/report.ts'

/** Of user data, packed and unpacked; platforms give far less. */
const BYTES_MAX = 16 * 1024 * 1024
const GZIP = [0x1f, 0x8b]

/** User data and what it is, by its first line or its content (specification f.1). */
export function sniff(bytes: Uint8Array): { format: Format; text: string } {
  const text = decode(bytes)
  if (text === undefined) return { format: 'unknown', text: '' }
  return { format: formatOf(text), text }
}

function formatOf(text: string): Format {
  if (text.trim() === '') return 'empty'
  const first = text.split('\n', 1)[0]!
  if (first.startsWith('#!')) return 'script'
  if (first.trimEnd() === '#cloud-config') return 'cloud-config'
  if (/^\s*\{/.test(text)) return isIgnition(text) ? 'ignition' : 'unknown'
  if (/^variant\s*:/m.test(text) && /^version\s*:/m.test(text)) return 'butane'
  return 'unknown'
}

/** Damaged JSON that speaks of Ignition is Ignition with a mistake in it, and is told so by its line. */
function isIgnition(text: string): boolean {
  return /"ignition(Version)?"\s*:/.test(text)
}

function decode(bytes: Uint8Array): string | undefined {
  if (bytes.length > BYTES_MAX) return undefined
  try {
    const isPacked = bytes[0] === GZIP[0] && bytes[1] === GZIP[1]
    const plain = isPacked ? gunzipSync(bytes, { maxOutputLength: BYTES_MAX }) : bytes
    const text = new TextDecoder('utf-8', { fatal: true }).decode(plain)
    return text.includes('\0') ? undefined : text
  } catch {
    return undefined
  }
}
