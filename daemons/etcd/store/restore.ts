import { ByteReader } from './bytes.ts'
import { History } from './history.ts'
import { type Node, newDirectory } from './node.ts'
import * as records from './records.ts'
import type { StoreState } from './store.ts'
import { Tree } from './tree.ts'

const WHAT = 'the snapshot of the store'

/** A directory that records go into. */
interface Level {
  path: string
  node: Node
}

/**
 * Reads a snapshot, given in pieces of any size, into a state of its own. Nothing of a store is touched before `finish`
 * has found it whole. It trusts no byte, but is not made against forgery: whoever stores snapshots adds a checksum.
 */
export class SnapshotReader {
  readonly #tree = new Tree()
  readonly #history = new History()
  readonly #levels: Level[] = [{ path: '', node: this.#tree.root }]
  /** Pieces of the frame that is not complete. */
  #pieces: Uint8Array[] = []
  #pieceBytes = 0
  #index: number | undefined
  #read = 0
  #ended = false

  /** @throws UserError for bytes that are no snapshot of this format */
  push(piece: Uint8Array): void {
    this.#pieces.push(piece)
    this.#pieceBytes += piece.length
    for (;;) {
      if (this.#pieceBytes < records.FRAME_HEADER_BYTES) return
      const bytes = this.#joined()
      const end = records.FRAME_HEADER_BYTES + bytes.readUInt32LE(0)
      if (this.#pieceBytes < end) return
      this.#frame(bytes.subarray(records.FRAME_HEADER_BYTES, end))
      this.#pieces = [bytes.subarray(end)]
      this.#pieceBytes -= end
    }
  }

  /** @throws UserError when something is missing */
  finish(): StoreState {
    const reader: ByteReader = new ByteReader(Buffer.alloc(0), WHAT)
    if (this.#index === undefined || !this.#ended || this.#pieceBytes > 0) reader.fail('is cut off')
    if (this.#history.last !== 0 && this.#history.last !== this.#index)
      reader.fail(`is of index ${this.#index}, its history ends at ${this.#history.last}`)
    return { index: this.#index, tree: this.#tree, history: this.#history }
  }

  #joined(): Buffer {
    const [first] = this.#pieces
    if (this.#pieces.length === 1 && Buffer.isBuffer(first)) return first
    const joined = Buffer.concat(this.#pieces)
    this.#pieces = [joined]
    return joined
  }

  #frame(bytes: Buffer): void {
    const reader = new ByteReader(bytes, WHAT)
    while (reader.left > 0) {
      if (this.#ended) reader.fail('goes on after its end')
      const tag = reader.byte()
      if (this.#index === undefined && tag !== records.TAG_BEGIN) reader.fail('does not begin as one')
      this.#record(tag, reader)
    }
  }

  #record(tag: number, reader: ByteReader): void {
    switch (tag) {
      case records.TAG_BEGIN: {
        if (this.#index !== undefined) reader.fail('begins twice')
        const magic = reader.text()
        if (magic !== records.SNAPSHOT_MAGIC) reader.fail(`has a format this version does not know`)
        this.#index = reader.varint()
        return
      }
      case records.TAG_ENTER:
      case records.TAG_FILE:
        this.#node(tag, reader)
        return
      case records.TAG_LEAVE:
        if (this.#levels.length === 1) reader.fail('leaves the root')
        this.#levels.pop()
        return
      case records.TAG_AT:
        this.#goTo(reader)
        return
      case records.TAG_EVENT: {
        const event = records.readEvent(reader)
        const { last } = this.#history
        if (last !== 0 && event.index !== last + 1) reader.fail(`has a gap before event ${event.index}`)
        this.#history.add(event)
        return
      }
      case records.TAG_END:
        if (reader.varint() !== this.#read) reader.fail('does not have the nodes it should have')
        this.#ended = true
        return
      default:
        reader.fail(`has record ${tag}, which this version does not know`)
    }
  }

  #node(tag: number, reader: ByteReader): void {
    const above = this.#levels.at(-1)!
    const name = reader.text()
    const path = `${above.path}/${name}`
    if (name === '' || name.includes('/')) reader.fail(`has a node called ${JSON.stringify(name)}`)
    if (above.node.children!.has(name)) reader.fail(`has ${path} twice`)
    const seen = records.readNode(reader, path)
    const isDirectory = seen.children !== undefined
    if (isDirectory !== (tag === records.TAG_ENTER) || isDirectory !== (seen.value === undefined))
      reader.fail(`has ${path} as file and directory`)
    const node = isDirectory ? newDirectory(seen.createdIndex, seen.modifiedIndex, seen.due) : seen
    this.#tree.put(above.node, path, name, node, undefined)
    this.#read += 1
    if (isDirectory) this.#levels.push({ path, node })
  }

  #goTo(reader: ByteReader): void {
    const path = reader.text()
    const node = path.startsWith('/') ? this.#tree.find(path) : undefined
    if (node?.children === undefined) reader.fail(`has nodes in ${path} and not the directory`)
    this.#levels.length = 0
    this.#levels.push({ path: path === '/' ? '' : path, node })
  }
}

/** The state that a whole snapshot holds. */
export function decodeSnapshot(bytes: Uint8Array): StoreState {
  const reader = new SnapshotReader()
  reader.push(bytes)
  return reader.finish()
}
