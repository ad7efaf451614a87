import type { Event } from './event.ts'
import { type Node, PLAIN, SPECIAL, UNKNOWN } from './node.ts'
import { compareBytes, isHiddenName, strip } from './path.ts'
import { escaped, isPlain, quote } from './quote.ts'

/**
 * Events as JSON, byte for byte as Go writes them: the order of fields, what is left out, what is escaped
 * (specification §1). By hand, because it is most of what a request costs. Times to live are counted from the wall
 * clock of the answering member, given in milliseconds.
 */
export function renderEvent(event: Event, nowMs: number): string {
  const key = quotedKey(event.path)
  const node = renderNode(event.node, key, nowMs)
  const { prevNode } = event
  if (prevNode === undefined) return `{"action":"${event.action}","node":${node}}\n`
  return `{"action":"${event.action}","node":${node},"prevNode":${renderNode(prevNode, key, nowMs)}}\n`
}

/** The same as bytes, made once for all that watch; a time to live in it is that of the first time. */
export function bytesOfEvent(event: Event, nowMs: number): Buffer {
  event.bytes ??= Buffer.from(renderEvent(event, nowMs))
  return event.bytes
}

/** The answer to a change whose client asked for `noValueOnSuccess`. */
export function renderAction(event: Event): string {
  return `{"action":"${event.action}"}\n`
}

/** How a read wants directories. */
export interface Listing {
  /** All levels, not one. */
  recursive: boolean
  /** By the bytes of the keys, ascending. */
  sorted: boolean
}

/**
 * Characters of an answer. Keys are written in full, so a chain of directories costs its length squared, and what a
 * string of the engine can hold (about 2^29) is reached by few bytes of requests.
 */
export const LISTING_CHARS_MAX = 256 * 1024 * 1024

/** The answer to a read of the node at `path`; undefined when it would be longer than LISTING_CHARS_MAX. */
export function renderGet(path: string, node: Node, listing: Listing, nowMs: number): string | undefined {
  const text =
    node.children === undefined
      ? renderNode(node, quotedKey(path), nowMs)
      : renderDirectory(path, node, listing, nowMs)
  return text === undefined ? undefined : `{"action":"get","node":${text}}\n`
}

/** A path as the user knows it, in quotation marks; empty for the root, which shows no key. */
function quotedKey(path: string): string {
  const key = strip(path)
  return key === '' ? '' : quote(key)
}

/** A node without children. */
function renderNode(node: Node, key: string, nowMs: number): string {
  return `${head(node, key, nowMs)}${tail(node)}`
}

/** All that stands before `nodes`. What shows no key is the root, a directory that never expires. */
function head(node: Node, key: string, nowMs: number): string {
  if (key === '') return '{"dir":true'
  let out = `{"key":${key}`
  if (node.value !== undefined) out += `,"value":"${spell(node)}"`
  if (node.children !== undefined) out += ',"dir":true'
  if (node.due !== undefined) out += renderDue(node.due.atMs, nowMs)
  return out
}

/** All that stands after `nodes`; the root has no indexes. */
function tail(node: Node): string {
  if (node.modifiedIndex === 0) return '}'
  return `,"modifiedIndex":${node.modifiedIndex},"createdIndex":${node.createdIndex}}`
}

/** The value between its quotation marks. Whether it needs escaping is found out once for each node. */
function spell(node: Node): string {
  const value = node.value!
  if (node.spelling === UNKNOWN) node.spelling = isPlain(value) ? PLAIN : SPECIAL
  return node.spelling === PLAIN ? value : escaped(value)
}

function renderDue(atMs: number, nowMs: number): string {
  const ttl = Math.ceil((atMs - nowMs) / 1000)
  const time = `,"expiration":"${renderTime(atMs)}"`
  return ttl === 0 ? time : `${time},"ttl":${ttl}`
}

/** RFC 3339 in UTC, the fraction without trailing zeros. */
export function renderTime(ms: number): string {
  const text = new Date(ms).toISOString()
  let end = text.length - 1
  while (text[end - 1] === '0' && end > 20) end -= 1
  if (text[end - 1] === '.') end -= 1
  return `${text.slice(0, end)}Z`
}

/** A directory whose children are being written. */
interface Open {
  node: Node
  /** What its children's keys begin with, escaped. */
  prefix: string
  children: Iterator<[string, Node]>
  isFirst: boolean
}

/** A directory with what is in it. A stack of its own, because how deep keys go is the user's choice. */
function renderDirectory(path: string, directory: Node, listing: Listing, nowMs: number): string | undefined {
  const parts: string[] = []
  let length = 0
  const stack: Open[] = []
  const open = (node: Node, key: string): void => {
    const text = head(node, key === '' ? '' : `"${key}"`, nowMs)
    length += text.length
    parts.push(text)
    stack.push({ node, prefix: `${key}/`, children: childrenOf(node, listing.sorted), isFirst: true })
  }
  open(directory, escaped(strip(path)))
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const { done, value } = top.children.next()
    if (done === true) {
      stack.pop()
      parts.push(top.isFirst ? '' : ']', tail(top.node))
      continue
    }
    parts.push(top.isFirst ? ',"nodes":[' : ',')
    top.isFirst = false
    const [name, node] = value
    const key = top.prefix + (isPlain(name) ? name : escaped(name))
    if (node.children !== undefined && listing.recursive) open(node, key)
    else {
      const text = head(node, `"${key}"`, nowMs) + tail(node)
      length += text.length
      parts.push(text)
    }
    // Half of it is for what is not counted: brackets, commas, the indexes of directories.
    if (length > LISTING_CHARS_MAX / 2) return undefined
  }
  return parts.join('')
}

/** Children that are not hidden. */
function* childrenOf(node: Node, sorted: boolean): Generator<[string, Node], void> {
  const entries = sorted
    ? [...node.children!].sort(([a], [b]) => compareBytes(a, b))
    : node.children!.entries()
  for (const entry of entries) if (!isHiddenName(entry[0])) yield entry
}
