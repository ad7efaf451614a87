import { ApiRefusal } from './answer.ts'
import type { Part } from './backend.ts'
import type { Query } from './query.ts'

/** Which part of a listing. */
export interface PageToken {
  limit: number
  /** From 1. */
  page: number
}

const TOKEN_BYTES = 4
const BASE64URL = /^[A-Za-z0-9_-]*={0,2}$/

/** base64url of limit and page, each 16 bits, little endian (spec fleet b.2). */
export function encodeToken({ limit, page }: PageToken): string {
  const bytes = Buffer.alloc(TOKEN_BYTES)
  bytes.writeUInt16LE(limit, 0)
  bytes.writeUInt16LE(page, 2)
  return bytes.toString('base64').replaceAll('+', '-').replaceAll('/', '_')
}

/**
 * The part that a request asks for.
 *
 * @throws ApiRefusal in the original's words
 */
export function readToken(query: Query, limit: number): PageToken {
  const values = query.all('nextPageToken')
  if (values.length > 1) throw new ApiRefusal(400, 'too many values for page token')
  const [value] = values
  if (value === undefined || value === '') return { limit, page: 1 }
  const bad = value.search(/[^A-Za-z0-9_=-]/)
  if (!BASE64URL.test(value) || value.length % 4 !== 0)
    throw new ApiRefusal(400, `illegal base64 data at input byte ${bad < 0 ? value.length : bad}`)
  const bytes = Buffer.from(value, 'base64url')
  if (bytes.length < TOKEN_BYTES) throw new ApiRefusal(400, 'unexpected EOF')
  const token = { limit: bytes.readUInt16LE(0), page: bytes.readUInt16LE(2) }
  if (token.limit !== limit) throw new ApiRefusal(400, `token limit must be ${limit}`)
  if (token.page === 0) throw new ApiRefusal(400, 'token page must be greater than zero')
  return token
}

/** Which entries make a page. */
export function partOf({ limit, page }: PageToken): Part {
  return { from: (page - 1) * limit, count: limit }
}

/** A page with the token of the next, which is there whenever this one is full. */
export function pageOf<T>(
  key: string,
  items: readonly T[],
  { limit, page }: PageToken,
): Record<string, readonly T[] | string> {
  return {
    ...(items.length === 0 ? {} : { [key]: items }),
    ...(items.length === limit ? { nextPageToken: encodeToken({ limit, page: page + 1 }) } : {}),
  }
}
