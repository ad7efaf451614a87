/**
 * The smallest shared library or program for tests: one loadable segment holding the dynamic section and its names.
 */
export function makeElf(wants: {
  soname?: string
  needed?: string[]
  runpath?: string
  interpreter?: string
}): Uint8Array {
  const strings: number[] = [0]
  const name = (text: string) => {
    const at = strings.length
    strings.push(...Buffer.from(`${text}\0`))
    return at
  }
  const items: [tag: number, value: number][] = (wants.needed ?? []).map(text => [1, name(text)])
  if (wants.soname) items.push([14, name(wants.soname)])
  if (wants.runpath) items.push([29, name(wants.runpath)])
  const interpreterAt = wants.interpreter ? name(wants.interpreter) : 0
  const headersEnd = 64 + 3 * 56
  const stringsAt = headersEnd + (items.length + 3) * 16
  items.push([5, 0x1000 + stringsAt], [10, strings.length], [0, 0])
  const total = stringsAt + strings.length

  const bytes = Buffer.alloc(total)
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
  bytes.writeUInt16LE(3, 16)
  bytes.writeUInt16LE(62, 18)
  bytes.writeBigUInt64LE(64n, 32)
  bytes.writeUInt16LE(56, 54)
  bytes.writeUInt16LE(wants.interpreter ? 3 : 2, 56)
  const segment = (index: number, type: number, offset: number, size: number) => {
    const at = 64 + index * 56
    bytes.writeUInt32LE(type, at)
    bytes.writeBigUInt64LE(BigInt(offset), at + 8)
    bytes.writeBigUInt64LE(BigInt(0x1000 + offset), at + 16)
    bytes.writeBigUInt64LE(BigInt(size), at + 32)
  }
  segment(0, 1, 0, total)
  segment(1, 2, headersEnd, items.length * 16)
  if (wants.interpreter) segment(2, 3, stringsAt + interpreterAt, wants.interpreter.length + 1)
  items.forEach(([tag, value], index) => {
    bytes.writeBigUInt64LE(BigInt(tag), headersEnd + index * 16)
    bytes.writeBigUInt64LE(BigInt(value), headersEnd + index * 16 + 8)
  })
  bytes.set(strings, stringsAt)
  return bytes
}
