import { gunzipSync } from 'node:zlib'
import type { Format } from '../plan/report.ts'

/** Of user data, packed and unpacked; platforms give far less. */
const USER_DATA_BYTES_MAX = 16 * 1024 * 1024
const GZIP = [0x1f, 0x8b]
/** Keys of a map at the left margin, in quotes or not; within a block of text every line is indented. */
const VARIANT = /^(['"]?)variant\1[ \t]*:/m
const VERSION = /^(['"]?)version\1[ \t]*:/m

/** User data, and what it is. */
export interface Sniffed {
  format: Format
  /** Unpacked; empty when it is no text. */
  text: string
  /** Why it is no text: one line. Only with the format `unknown`. */
  problem?: string
}

/**
 * User data and what it is, by its first line or its content (specification f.1). What is packed with gzip is unpacked
 * first; what is no UTF-8, has NUL bytes, or is too much is `unknown`, and `problem` says why.
 */
export function sniff(bytes: Uint8Array): Sniffed {
  const decoded = decode(bytes)
  if (typeof decoded !== 'string') return { format: 'unknown', text: '', ...decoded }
  return { format: formatOf(decoded), text: decoded }
}

function formatOf(text: string): Format {
  if (text.trim() === '') return 'empty'
  const end = text.indexOf('\n')
  const first = end === -1 ? text : text.slice(0, end)
  if (first.startsWith('#!')) return 'script'
  if (first.trimEnd() === '#cloud-config') return 'cloud-config'
  if (/^\s*\{/.test(text)) return isIgnition(text) ? 'ignition' : 'unknown'
  if (VARIANT.test(text) && VERSION.test(text)) return 'butane'
  return 'unknown'
}

/** Damaged JSON that speaks of Ignition is Ignition with a mistake in it, and is told so by its line. */
function isIgnition(text: string): boolean {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return /"ignition(Version)?"\s*:/.test(text)
  }
  // One that lacks its version is told so there, rather than that it is nothing.
  const { ignitionVersion, ignition } = value as { ignitionVersion?: unknown; ignition?: unknown }
  return Number.isInteger(ignitionVersion) || (typeof ignition === 'object' && ignition !== null)
}

function decode(bytes: Uint8Array): string | { problem: string } {
  const tooMuch = { problem: `more than ${USER_DATA_BYTES_MAX / 1024 / 1024} MiB` }
  if (bytes.length > USER_DATA_BYTES_MAX) return tooMuch
  let plain = bytes
  if (bytes[0] === GZIP[0] && bytes[1] === GZIP[1]) {
    try {
      plain = gunzipSync(bytes, { maxOutputLength: USER_DATA_BYTES_MAX })
    } catch (error) {
      const { code } = error as { code?: string }
      return code === 'ERR_BUFFER_TOO_LARGE'
        ? tooMuch
        : { problem: 'begins like gzip and can not be unpacked' }
    }
  }
  const nul = plain.indexOf(0)
  if (nul !== -1) return { problem: `no text: byte ${nul + 1} is NUL` }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(plain)
  } catch {
    return { problem: 'no text: it is not UTF-8' }
  }
}
