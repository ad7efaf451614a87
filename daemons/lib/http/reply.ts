import { headerBlock, headerLine } from './header.ts'
import { reasonOf } from './status.ts'

/** A whole answer as a value: `response.end(reply.status, reply.headers, reply.body)`. */
export interface Reply {
  status: number
  /** Lines made by `headerBlock`. */
  headers: string
  body: string
}

const TEXT = headerBlock([
  ['Content-Type', 'text/plain; charset=utf-8'],
  ['X-Content-Type-Options', 'nosniff'],
])
const JSON_TYPE = headerBlock([['Content-Type', 'application/json']])

/** A refusal in plain text: the message and a line end. */
export function textError(status: number, message: string): Reply {
  return { status, headers: TEXT, body: `${message}\n` }
}

/** The answer to a path that means nothing. */
export function notFound(): Reply {
  return textError(404, '404 page not found')
}

/** The answer to a method that the path does not know. `allowed` in the order it is to be shown. */
export function methodNotAllowed(allowed: readonly string[]): Reply {
  const body = `${reasonOf(405)}\n`
  return { status: 405, headers: headerLine('Allow', allowed.join(',')) + TEXT, body }
}

/** A refusal of the members and statistics API: `{"message":"…"}` without a line end. */
export function jsonMessage(status: number, message: string): Reply {
  return { status, headers: JSON_TYPE, body: `{"message":${quote(message)}}` }
}

/**
 * The answer to a path that is not in its clean form. As in Go, only GET is given a page to read and only GET and HEAD
 * its type.
 */
export function movedPermanently(method: string, location: string): Reply {
  const hasPage = method === 'GET' || method === 'HEAD'
  const type = hasPage ? headerLine('Content-Type', 'text/html; charset=utf-8') : ''
  const body = method === 'GET' ? `<a href="${escapeHtml(location)}">${reasonOf(301)}</a>.\n\n` : ''
  return { status: 301, headers: type + headerLine('Location', location), body }
}

/** A string as Go's encoder writes it: also what HTML and JavaScript could stumble over is escaped. */
function quote(text: string): string {
  return JSON.stringify(text.toWellFormed()).replaceAll(
    /[<>&\u2028\u2029]/g,
    char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&#34;')
    .replaceAll("'", '&#39;')
}
