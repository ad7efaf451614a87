/** State of SipHash: four words of 64 bits. */
interface State {
  v0: bigint
  v1: bigint
  v2: bigint
  v3: bigint
}

/**
 * SipHash-2-4 of bytes under a key of 16 bytes. It is slow and meant for the few words of a query.
 */
export function sipHash24(bytes: Buffer, key: Buffer): bigint {
  const k0 = key.readBigUInt64LE(0)
  const k1 = key.readBigUInt64LE(8)
  const state: State = {
    v0: k0 ^ 0x736f6d6570736575n,
    v1: k1 ^ 0x646f72616e646f6dn,
    v2: k0 ^ 0x6c7967656e657261n,
    v3: k1 ^ 0x7465646279746573n,
  }
  const whole = bytes.length - (bytes.length % 8)
  for (let at = 0; at < whole; at += 8) absorb(state, bytes.readBigUInt64LE(at))
  const last = Buffer.alloc(8)
  bytes.copy(last, 0, whole)
  last[7] = bytes.length & 0xff
  absorb(state, last.readBigUInt64LE(0))
  state.v2 ^= 0xffn
  for (let n = 0; n < 4; n++) round(state)
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3
}

function absorb(state: State, word: bigint): void {
  state.v3 ^= word
  round(state)
  round(state)
  state.v0 ^= word
}

function round(state: State): void {
  state.v0 = add(state.v0, state.v1)
  state.v1 = turn(state.v1, 13n) ^ state.v0
  state.v0 = turn(state.v0, 32n)
  state.v2 = add(state.v2, state.v3)
  state.v3 = turn(state.v3, 16n) ^ state.v2
  state.v0 = add(state.v0, state.v3)
  state.v3 = turn(state.v3, 21n) ^ state.v0
  state.v2 = add(state.v2, state.v1)
  state.v1 = turn(state.v1, 17n) ^ state.v2
  state.v2 = turn(state.v2, 32n)
}

function add(a: bigint, b: bigint): bigint {
  return BigInt.asUintN(64, a + b)
}

function turn(value: bigint, bits: bigint): bigint {
  return BigInt.asUintN(64, value << bits) | (value >> (64n - bits))
}
