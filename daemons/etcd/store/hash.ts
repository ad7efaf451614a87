import type { Event } from './event.ts'
import type { Node } from './node.ts'
import type { StoreState } from './store.ts'

/**
 * Two numbers of 32 bits that take in texts and numbers: FNV-1a with two primes and a last stir, good enough to tell
 * states of a simulation apart, no more.
 */
class Digest {
  #low = 0x811c9dc5
  #high = 0x9747b28c

  text(value: string): this {
    this.number(value.length)
    for (let at = 0; at < value.length; at++) this.#unit(value.charCodeAt(at))
    return this
  }

  number(value: number): this {
    this.#unit(value >>> 0)
    this.#unit(Math.floor(value / 2 ** 32) >>> 0)
    return this
  }

  /** The rest of a node; where it is comes before. */
  node(node: Node): this {
    this.number(node.children === undefined ? 0 : 1).number(node.value === undefined ? 0 : 1)
    this.text(node.value ?? '')
      .number(node.createdIndex)
      .number(node.modifiedIndex)
    return this.number(node.due?.atMs ?? 0).number(node.due?.index ?? 0)
  }

  event(event: Event): this {
    this.number(event.index)
      .text(event.action)
      .text(event.path)
      .number(event.refresh ? 1 : 0)
    this.node(event.node).number(event.prevNode === undefined ? 0 : 1)
    return event.prevNode === undefined ? this : this.node(event.prevNode)
  }

  get low(): number {
    return stir(this.#low)
  }

  get high(): number {
    return stir(this.#high)
  }

  #unit(value: number): void {
    this.#low = Math.imul(this.#low ^ value, 0x01000193)
    this.#high = Math.imul(this.#high ^ value, 0x5bd1e995) ^ (this.#high >>> 15)
  }
}

/**
 * 16 hex digits that are equal where index, nodes and history are: what members at one index must agree on. The order
 * in which nodes came does not count. Costs a walk of everything: for simulators and checks.
 */
export function hashState(state: StoreState): string {
  let low = 0
  let high = 0
  const left: [string, Node][] = [['', state.tree.root]]
  for (let item = left.pop(); item !== undefined; item = left.pop()) {
    const [path, node] = item
    const digest = new Digest().text(path).node(node)
    low = (low + digest.low) >>> 0
    high = (high + digest.high) >>> 0
    if (node.children === undefined) continue
    for (const [name, child] of node.children) left.push([`${path}/${name}`, child])
  }
  const all = new Digest().number(state.index).number(low).number(high)
  for (const event of state.history.list()) all.event(event)
  return hex(all.high) + hex(all.low)
}

function stir(value: number): number {
  let mixed = value ^ (value >>> 16)
  mixed = Math.imul(mixed, 0x85ebca6b)
  mixed ^= mixed >>> 13
  mixed = Math.imul(mixed, 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

function hex(value: number): string {
  return value.toString(16).padStart(8, '0')
}
