import { formatIpv4 } from './address.ts'

/** What the table says about a name. `zone` counts the labels at its end that are what we are the authority for. */
export type Found =
  /** A machine, asked for by its name alone when `zone` is 0. */
  | { kind: 'address'; address: number; zone: number }
  /** An address that was turned around, as in `101.8.17.172.in-addr.arpa`. */
  | { kind: 'pointer'; name: string[]; zone: number }
  /** Our domain itself. */
  | { kind: 'zone'; zone: number }
  /** It would be ours, and is not there. */
  | { kind: 'absent'; zone: number }
  /** Not ours to say. */
  | { kind: 'foreign' }

const REVERSE = ['in-addr', 'arpa']

/** Names of machines and their addresses, in one domain and one network of 256 addresses. */
export class NameTable {
  readonly #domain: readonly string[]
  readonly #network: number
  readonly #addresses = new Map<string, number>()

  /**
   * @param domain such as `orlop.internal`, in lower case
   * @param address any in the network
   */
  constructor(domain: string, address: number) {
    this.#domain = domain.split('.')
    this.#network = address >>> 8
  }

  /** Gives a machine its address, in place of the one it had. */
  set(name: string, address: number): void {
    this.#addresses.set(name, address)
  }

  /** Forgets a machine. */
  delete(name: string): void {
    this.#addresses.delete(name)
  }

  /** The table, as text. */
  entries(): Record<string, string> {
    return Object.fromEntries([...this.#addresses].map(([name, address]) => [name, formatIpv4(address)]))
  }

  /** @param labels of the name, in lower case, the first one first */
  find(labels: readonly string[]): Found {
    const [first = ''] = labels
    if (labels.length === 1) {
      const address = this.#addresses.get(first)
      return address === undefined ? { kind: 'foreign' } : { kind: 'address', address, zone: 0 }
    }
    if (endsWith(labels, this.#domain)) {
      const zone = this.#domain.length
      if (labels.length === zone) return { kind: 'zone', zone }
      const address = labels.length === zone + 1 ? this.#addresses.get(first) : undefined
      return address === undefined ? { kind: 'absent', zone } : { kind: 'address', address, zone }
    }
    return endsWith(labels, REVERSE) ? this.#findReverse(labels) : { kind: 'foreign' }
  }

  #findReverse(labels: readonly string[]): Found {
    const network = formatIpv4(this.#network * 256)
      .split('.')
      .slice(0, 3)
    const apex = [...network.reverse(), ...REVERSE]
    if (!endsWith(labels, apex)) return { kind: 'foreign' }
    const zone = apex.length
    if (labels.length === zone) return { kind: 'zone', zone }
    for (const [name, address] of this.#addresses) {
      const isIt = labels.length === zone + 1 && labels[0] === String(address & 0xff)
      if (isIt && address >>> 8 === this.#network)
        return { kind: 'pointer', name: [name, ...this.#domain], zone }
    }
    return { kind: 'absent', zone }
  }
}

function endsWith(labels: readonly string[], end: readonly string[]): boolean {
  const from = labels.length - end.length
  return from >= 0 && end.every((label, index) => labels[from + index] === label)
}
