import type { ByteReader, ByteWriter } from './bytes.ts'
import { type Action, Event } from './event.ts'
import { Due } from './expiry.ts'
import { Node, viewOfDirectory } from './node.ts'

/**
 * What a snapshot is made of. It is a row of frames: the length of the frame in 4 bytes, little-endian, then whole
 * records. A record begins with one of these tags. The place of a node is not in its record: ENTER and LEAVE go down
 * and up, AT goes anywhere.
 */
export const TAG_BEGIN = 1
export const TAG_ENTER = 2
export const TAG_LEAVE = 3
export const TAG_FILE = 4
export const TAG_AT = 5
export const TAG_EVENT = 6
export const TAG_END = 7

/** The first text of a snapshot, after TAG_BEGIN; another format gets another one. */
export const SNAPSHOT_MAGIC = 'orlop-store-v2/1'
/** Bytes of a frame's length. */
export const FRAME_HEADER_BYTES = 4

const HAS_VALUE = 1
const IS_DIRECTORY = 2
const EXPIRES = 4

const REFRESH = 1
const HAS_PREVIOUS = 2

const ACTIONS = [
  'get',
  'set',
  'create',
  'update',
  'delete',
  'compareAndSwap',
  'compareAndDelete',
  'expire',
] as const satisfies readonly Action[]

/** Indexes, value and expiry of a node; `due` stands for what the node has. */
export function writeNode(out: ByteWriter, node: Node, due: Due | undefined): void {
  let flags = 0
  if (node.value !== undefined) flags |= HAS_VALUE
  if (node.children !== undefined) flags |= IS_DIRECTORY
  if (due !== undefined) flags |= EXPIRES
  out.byte(flags)
  out.varint(node.createdIndex)
  out.varint(node.modifiedIndex)
  if (node.value !== undefined) out.text(node.value)
  if (due === undefined) return
  out.double(due.atMs)
  out.varint(due.index)
}

/** A node without children, made to be at `path`. */
export function readNode(reader: ByteReader, path: string): Node {
  const flags = reader.byte()
  if (flags > 7) reader.fail(`has a node of kind ${flags}`)
  const created = reader.varint()
  const modified = reader.varint()
  const value = flags & HAS_VALUE ? reader.text() : undefined
  let due: Due | undefined
  if (flags & EXPIRES) {
    const atMs = reader.integer()
    due = new Due(path, atMs, reader.varint())
  }
  if (!(flags & IS_DIRECTORY)) return new Node(value, undefined, created, modified, due)
  if (value !== undefined) reader.fail('has a directory with a value')
  return viewOfDirectory(created, modified, due)
}

/** An event of the history. */
export function writeEvent(out: ByteWriter, event: Event): void {
  const { node, prevNode } = event
  out.byte(ACTIONS.indexOf(event.action))
  out.byte((event.refresh ? REFRESH : 0) | (prevNode === undefined ? 0 : HAS_PREVIOUS))
  out.varint(event.index)
  out.text(event.path)
  writeNode(out, node, node.due)
  if (prevNode !== undefined) writeNode(out, prevNode, prevNode.due)
}

/** Reads what `writeEvent` wrote. */
export function readEvent(reader: ByteReader): Event {
  const action = ACTIONS[reader.byte()] ?? reader.fail('has an event of unknown action')
  const flags = reader.byte()
  if (flags > 3) reader.fail(`has an event of kind ${flags}`)
  const index = reader.varint()
  const path = reader.text()
  const node = readNode(reader, path)
  const prevNode = flags & HAS_PREVIOUS ? readNode(reader, path) : undefined
  return new Event(action, path, index, node, prevNode, (flags & REFRESH) !== 0)
}
