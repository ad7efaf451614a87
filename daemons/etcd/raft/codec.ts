import { ByteReader, ByteWriter, FormatError, VARINT_BYTES_MAX, varintSize } from './bytes.ts'
import { type Message, type MessageType, newMessage } from './message.ts'
import type { Entry, MemberId, Snapshot } from './types.ts'

/**
 * Messages and entries as bytes. Every value has one form only, so that what was read and written again is the same.
 *
 *   entry     type 1 │ term │ index │ data
 *   message   version 1 │ type 1 │ flags 1 │ to 8 │ from 8 │ term │ index │ logTerm │ commit │ hintIndex │ hintTerm
 *             │ context │ number of entries │ entries, each with the length of its data before it │ snapshot, by flag
 *   snapshot  term │ index │ number of voters │ voters 8 each │ number of learners │ learners 8 each
 *             │ length │ data
 *
 * Numbers without a size are varints (`bytes.ts`). An entry alone ends with its data; whoever keeps several in a row
 * frames them.
 */
const VERSION = 1
const FLAG_REJECT = 1
const FLAG_SNAPSHOT = 2

const ENTRY_TAGS: readonly Entry['type'][] = ['normal', 'config']

/** Place + 1 is the tag on the wire: never reorder, only add at the end. */
const MESSAGE_TAGS: readonly MessageType[] = [
  'append',
  'appendAnswer',
  'heartbeat',
  'heartbeatAnswer',
  'vote',
  'voteAnswer',
  'preVote',
  'preVoteAnswer',
  'snapshot',
  'timeoutNow',
  'propose',
  'readIndex',
  'readIndexAnswer',
]
const TAG_OF = new Map(MESSAGE_TAGS.map((type, at) => [type, at + 1]))

const ID_BYTES = 8
/** The head of a message: three bytes, two members, eight numbers. */
const HEAD_BYTES_MAX = 3 + 2 * ID_BYTES + 8 * VARINT_BYTES_MAX
/** Type, term, index, length of the data. */
const ENTRY_HEAD_BYTES_MAX = 1 + 3 * VARINT_BYTES_MAX
const ENTRY_BYTES_MIN = 4

/** The bytes of `encodeEntry`. */
export function entrySize(entry: Entry): number {
  return 1 + varintSize(entry.term) + varintSize(entry.index) + entry.data.length
}

/** Writes an entry into bytes that have room for `entrySize` of it at `at`; where it ends. */
export function writeEntry(bytes: Uint8Array, at: number, entry: Entry): number {
  const writer = new ByteWriter(bytes, at)
  putEntryHead(writer, entry)
  writer.raw(entry.data)
  return writer.at
}

/** An entry as the log on disk holds it. */
export function encodeEntry(entry: Entry): Uint8Array {
  const bytes = Buffer.allocUnsafe(entrySize(entry))
  writeEntry(bytes, 0, entry)
  return bytes
}

/**
 * The entry that these bytes are, all of them. Its data shares their memory.
 *
 * @throws FormatError
 */
export function decodeEntry(bytes: Uint8Array): Entry {
  const reader = new ByteReader(bytes, 'entry')
  const { term, index, type } = takeEntryHead(reader)
  return { term, index, type, data: bytes.subarray(bytes.length - reader.left) }
}

/** Room enough for the bytes of a message; it may take less. */
export function messageRoom(message: Message): number {
  const { entries, snapshot } = message
  let room = HEAD_BYTES_MAX
  for (const { data } of entries) room += ENTRY_HEAD_BYTES_MAX + data.length
  return snapshot === undefined ? room : room + snapshotRoom(snapshot)
}

/** A message in one piece. */
export function encodeMessage(message: Message): Uint8Array {
  const bytes = Buffer.allocUnsafe(messageRoom(message))
  return bytes.subarray(0, writeMessage(bytes, 0, message))
}

/** Writes a message into bytes that have `messageRoom` for it at `at`; where it ends. */
export function writeMessage(bytes: Uint8Array, at: number, message: Message): number {
  const { entries, snapshot } = message
  const writer = new ByteWriter(bytes, at)
  writer.byte(VERSION)
  writer.byte(TAG_OF.get(message.type)!)
  writer.byte((message.reject ? FLAG_REJECT : 0) | (snapshot === undefined ? 0 : FLAG_SNAPSHOT))
  writer.id(message.to)
  writer.id(message.from)
  writer.varint(message.term)
  writer.varint(message.index)
  writer.varint(message.logTerm)
  writer.varint(message.commit)
  writer.varint(message.hintIndex)
  writer.varint(message.hintTerm)
  writer.varint(message.context)
  writer.varint(entries.length)
  for (const entry of entries) {
    putEntryHead(writer, entry)
    writer.block(entry.data)
  }
  if (snapshot !== undefined) putSnapshot(writer, snapshot)
  return writer.at
}

/**
 * The message that these bytes are, all of them. Its entries share their memory.
 *
 * @throws FormatError for another version, an unknown type or flag, a number too large, bytes too few or too many
 */
export function decodeMessage(bytes: Uint8Array): Message {
  const reader = new ByteReader(bytes, 'message')
  const version = reader.byte()
  if (version !== VERSION)
    throw new FormatError(`Cannot read a message of version ${version}, only ${VERSION}`)
  const tag = reader.byte()
  const type = MESSAGE_TAGS[tag - 1]
  if (type === undefined) throw new FormatError(`Cannot read message: no type ${tag}`)
  const flags = reader.byte()
  if (flags > (FLAG_REJECT | FLAG_SNAPSHOT)) throw new FormatError(`Cannot read message: no flags ${flags}`)
  const to = reader.member()
  const message = newMessage(type, to, reader.member(), reader.varint())
  message.index = reader.varint()
  message.logTerm = reader.varint()
  message.commit = reader.varint()
  message.hintIndex = reader.varint()
  message.hintTerm = reader.varint()
  message.context = reader.varint()
  message.reject = (flags & FLAG_REJECT) !== 0
  const count = reader.count(ENTRY_BYTES_MIN)
  if (count > 0) message.entries = takeEntries(reader, count)
  if ((flags & FLAG_SNAPSHOT) !== 0) message.snapshot = takeSnapshot(reader)
  reader.end()
  return message
}

function putEntryHead(writer: ByteWriter, entry: Entry): void {
  writer.byte(entry.type === 'normal' ? 1 : 2)
  writer.varint(entry.term)
  writer.varint(entry.index)
}

function takeEntryHead(reader: ByteReader): { term: number; index: number; type: Entry['type'] } {
  const tag = reader.byte()
  const type = ENTRY_TAGS[tag - 1]
  if (type === undefined) throw new FormatError(`Cannot read entry: no type ${tag}`)
  return { term: reader.varint(), index: reader.varint(), type }
}

function takeEntries(reader: ByteReader, count: number): Entry[] {
  const entries: Entry[] = []
  for (let at = 0; at < count; at++) {
    const { term, index, type } = takeEntryHead(reader)
    entries.push({ term, index, type, data: reader.block() })
  }
  return entries
}

function snapshotRoom({ meta, data }: Snapshot): number {
  const { voters, learners } = meta.configuration
  return 5 * VARINT_BYTES_MAX + (voters.length + learners.length) * ID_BYTES + data.length
}

function putSnapshot(writer: ByteWriter, { meta, data }: Snapshot): void {
  writer.varint(meta.term)
  writer.varint(meta.index)
  for (const ids of [meta.configuration.voters, meta.configuration.learners]) {
    writer.varint(ids.length)
    for (const id of ids) writer.id(id)
  }
  writer.block(data)
}

function takeSnapshot(reader: ByteReader): Snapshot {
  const term = reader.varint()
  const index = reader.varint()
  const configuration = { voters: takeMembers(reader), learners: takeMembers(reader) }
  return { meta: { term, index, configuration }, data: reader.block() }
}

function takeMembers(reader: ByteReader): MemberId[] {
  const members: MemberId[] = []
  for (let left = reader.count(ID_BYTES); left > 0; left--) members.push(reader.member())
  return members
}
