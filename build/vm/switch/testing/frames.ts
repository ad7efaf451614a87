import { MAC_BYTES } from '../address.ts'

/** All machines of a network. */
export const BROADCAST = 0xffffffffffff
/** For experiments on one network (IEEE 802). */
const TYPE = 0x88b5

/** The address of the machine of this number. */
export function macOf(number: number): number {
  return 0x020000000000 + number
}

/** A frame with a text in it. */
export function frameOf(to: number, from: number, text: string): Buffer {
  const head = Buffer.alloc(14)
  head.writeUIntBE(to, 0, MAC_BYTES)
  head.writeUIntBE(from, MAC_BYTES, MAC_BYTES)
  head.writeUInt16BE(TYPE, 12)
  return Buffer.concat([head, Buffer.from(text)])
}

/** The text in a frame. */
export function textOf(frame: Buffer): string {
  return frame.subarray(14).toString()
}

/** Numbers from a seed, evenly from 0 up to but not including 1 (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let value = Math.imul(state ^ (state >>> 15), state | 1)
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61)
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A whole number from 0 up to but not including `end`. */
export function below(random: () => number, end: number): number {
  return Math.floor(random() * end)
}
