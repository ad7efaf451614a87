import { type Digest, MANIFEST_TYPE } from './image.ts'

/** What a registry knows, wherever it keeps it. */
export interface RegistryContents {
  /** Digest of the manifest that a repository's tag names. */
  tag(repository: string, tag: string): Digest | undefined
  /** Size of a blob or manifest in bytes. */
  size(digest: Digest): number | undefined
}

/** An answer to be sent: a text of ours, or a part of a blob. */
export interface Answer {
  status: number
  headers: Record<string, string>
  body:
    | { kind: 'none' }
    | { kind: 'text'; text: string }
    | { kind: 'blob'; digest: Digest; start: number; end: number }
}

/** Repository names of the distribution specification. */
const NAME = '[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*'
const PATH = new RegExp(`^/v2/(${NAME})/(manifests|blobs)/([A-Za-z0-9_][A-Za-z0-9_.:-]{0,127})$`)

/**
 * Answers one request as a read-only registry (OCI distribution-spec, pull): `GET` and `HEAD` of `/v2/`, manifests
 * by tag or digest, blobs, byte ranges of blobs. A HEAD answer has a body here too; whoever sends it leaves it out.
 */
export function answer(
  contents: RegistryContents,
  request: { method: string; url: string; range?: string | undefined },
): Answer {
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return failure(405, 'UNSUPPORTED', 'this registry is read-only')
  const path = request.url.split('?', 1)[0]!
  if (path === '/v2/' || path === '/v2') return text(200, '{}')
  const parts = PATH.exec(path)
  if (!parts) return failure(404, 'NAME_UNKNOWN', 'no such path')
  const [, repository, kind, reference] = parts
  if (kind === 'manifests') return manifest(contents, repository!, reference!)
  return blob(contents, reference!, request.range)
}

function manifest(contents: RegistryContents, repository: string, reference: string): Answer {
  const digest = reference.startsWith('sha256:') ? reference : contents.tag(repository, reference)
  const size = digest === undefined ? undefined : contents.size(digest)
  if (digest === undefined || size === undefined)
    return failure(404, 'MANIFEST_UNKNOWN', `no manifest ${repository}:${reference}`)
  const headers = {
    'Content-Type': MANIFEST_TYPE,
    'Content-Length': String(size),
    'Docker-Content-Digest': digest,
  }
  return { status: 200, headers, body: { kind: 'blob', digest, start: 0, end: size } }
}

function blob(contents: RegistryContents, digest: string, range: string | undefined): Answer {
  const size = contents.size(digest)
  if (size === undefined) return failure(404, 'BLOB_UNKNOWN', `no blob ${digest}`)
  const headers = {
    'Content-Type': 'application/octet-stream',
    'Docker-Content-Digest': digest,
    'Accept-Ranges': 'bytes',
  }
  const part = range === undefined ? undefined : parseRange(range, size)
  if (part === 'outside') {
    return {
      status: 416,
      headers: { 'Content-Range': `bytes */${size}`, 'Content-Length': '0' },
      body: { kind: 'none' },
    }
  }
  const { start, end } = part ?? { start: 0, end: size }
  return {
    status: part ? 206 : 200,
    headers: {
      ...headers,
      'Content-Length': String(end - start),
      ...(part ? { 'Content-Range': `bytes ${start}-${end - 1}/${size}` } : {}),
    },
    body: { kind: 'blob', digest, start, end },
  }
}

/**
 * A `Range` header of one part (RFC 9110 section 14): the bytes from `start` up to but not including `end`,
 * `outside` when none of them exist, undefined when the header is to be ignored.
 */
export function parseRange(
  header: string,
  size: number,
): { start: number; end: number } | 'outside' | undefined {
  const parts = /^bytes=(\d*)-(\d*)$/.exec(header.trim())
  if (!parts || (parts[1] === '' && parts[2] === '')) return undefined
  if (parts[1] === '') {
    const suffix = Number(parts[2])
    return suffix === 0 || size === 0 ? 'outside' : { start: Math.max(0, size - suffix), end: size }
  }
  const start = Number(parts[1])
  const last = parts[2] === '' ? size - 1 : Number(parts[2])
  if (last < start && parts[2] !== '') return undefined
  return start >= size ? 'outside' : { start, end: Math.min(last + 1, size) }
}

function failure(status: number, code: string, message: string): Answer {
  return text(status, JSON.stringify({ errors: [{ code, message }] }))
}

function text(status: number, body: string): Answer {
  const headers = {
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(body)),
    'Docker-Distribution-Api-Version': 'registry/2.0',
  }
  return { status, headers, body: { kind: 'text', text: body } }
}
