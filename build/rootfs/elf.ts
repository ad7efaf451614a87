import type { ReadAt } from './content.ts'

/** What the dynamic loader needs to know about an ELF file. */
export interface Elf {
  /** 64 or 32. */
  bits: 64 | 32
  machine: number
  /** Whether it asks for a loader, i.e. is a dynamically linked program. */
  interpreter: string | undefined
  soname: string | undefined
  needed: string[]
  /** DT_RUNPATH or DT_RPATH, split at colons. */
  runpath: string[]
}

/** e_machine of x86-64. */
export const MACHINE_X86_64 = 62

const HEADER_BYTES = 64
const PROGRAM_HEADERS_MAX = 128
/** The largest dynamic section or string table that is believed; beyond it a file is broken. */
const TABLE_BYTES_MAX = 16 * 1024 * 1024

const SEGMENT = { load: 1, dynamic: 2, interpreter: 3 } as const
const TAG = { null: 0, needed: 1, strtab: 5, strsz: 10, soname: 14, rpath: 15, runpath: 29 } as const

interface Segment {
  type: number
  offset: number
  address: number
  size: number
}

/**
 * Reads the dynamic part of an ELF file; undefined when it is no ELF file. Only 64-bit little-endian files are read
 * further, of others the header alone is told. Source: the System V ABI, chapters 4 and 5.
 *
 * @throws Error when an ELF file contradicts itself
 */
export function readElf(read: ReadAt): Elf | undefined {
  const bytes = read(0, HEADER_BYTES)
  if (bytes.length < 20 || Buffer.from(bytes.subarray(0, 4)).toString('latin1') !== '\x7fELF')
    return undefined
  const header = viewOf(bytes)
  const bits = header.getUint8(4) === 2 ? 64 : 32
  const elf: Elf = {
    bits,
    machine: header.getUint16(18, true),
    interpreter: undefined,
    soname: undefined,
    needed: [],
    runpath: [],
  }
  if (bits !== 64 || header.getUint8(5) !== 1 || bytes.length < HEADER_BYTES) return elf
  const segments = readSegments(read, header)
  const interpreter = segments.find(segment => segment.type === SEGMENT.interpreter)
  if (interpreter) elf.interpreter = textAt(read(interpreter.offset, Math.min(interpreter.size, 4096)), 0)
  const dynamic = segments.find(segment => segment.type === SEGMENT.dynamic)
  if (dynamic) readDynamic(read, segments, dynamic, elf)
  return elf
}

function readSegments(read: ReadAt, header: DataView): Segment[] {
  const offset = number64(header, 32)
  const size = header.getUint16(54, true)
  const count = header.getUint16(56, true)
  if (count === 0) return []
  if (size !== 56 || count > PROGRAM_HEADERS_MAX) throw new Error(`${count} program headers of ${size} bytes`)
  const table = viewOf(read(offset, size * count))
  if (table.byteLength !== size * count) throw new Error('the program headers lie outside the file')
  return Array.from({ length: count }, (_, index) => ({
    type: table.getUint32(index * size, true),
    offset: number64(table, index * size + 8),
    address: number64(table, index * size + 16),
    size: number64(table, index * size + 32),
  }))
}

function readDynamic(read: ReadAt, segments: Segment[], dynamic: Segment, elf: Elf): void {
  if (dynamic.size > TABLE_BYTES_MAX) throw new Error(`a dynamic section of ${dynamic.size} bytes`)
  const table = viewOf(read(dynamic.offset, dynamic.size))
  const items: { tag: number; value: number }[] = []
  for (let at = 0; at + 16 <= table.byteLength; at += 16) {
    const tag = number64(table, at)
    if (tag === TAG.null) break
    items.push({ tag, value: number64(table, at + 8) })
  }
  const strtab = items.find(item => item.tag === TAG.strtab)?.value
  const size = items.find(item => item.tag === TAG.strsz)?.value ?? 0
  if (strtab === undefined) return
  if (size > TABLE_BYTES_MAX) throw new Error(`a string table of ${size} bytes`)
  const home = segments.find(
    ({ type, address, size }) => type === SEGMENT.load && strtab >= address && strtab < address + size,
  )
  if (home === undefined) throw new Error('the string table lies outside all segments')
  const strings = read(home.offset + strtab - home.address, size)
  for (const { tag, value } of items) {
    if (tag === TAG.needed) elf.needed.push(textAt(strings, value))
    if (tag === TAG.soname) elf.soname = textAt(strings, value)
    if (tag === TAG.runpath || tag === TAG.rpath) elf.runpath = textAt(strings, value).split(':')
  }
}

/** Tags and sizes beyond 2^53 become inexact, which no file that works has; they then match nothing. */
function number64(view: DataView, offset: number): number {
  return Number(view.getBigUint64(offset, true))
}

function textAt(bytes: Uint8Array, offset: number): string {
  if (offset >= bytes.length) throw new Error('a name lies outside its table')
  const end = bytes.indexOf(0, offset)
  return Buffer.from(bytes.subarray(offset, end < 0 ? bytes.length : end)).toString('latin1')
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
