import { formatCursor } from '../codec/cursor.ts'
import type { Field } from './file.ts'
import type { Place } from './order.ts'

/** An entry of the journal. */
export class JournalEntry {
  /** Number that its writer gave it, and the ID of the writer's numbers. */
  readonly seqnum: bigint
  readonly seqnumId: string
  /** Time of day when it was received, in microseconds since 1970. */
  readonly realtime: bigint
  /** Microseconds since the boot. */
  readonly monotonic: bigint
  readonly bootId: string
  /** Hash of its contents. */
  readonly xorHash: bigint
  /** Every `NAME=value` in the order of the file. A name may come more than once. */
  readonly items: readonly Field[]
  #fields: Map<string, Buffer[]> | undefined

  constructor(place: Place, items: readonly Field[]) {
    this.seqnum = place.seqnum
    this.seqnumId = place.seqnumId
    this.realtime = place.realtime
    this.monotonic = place.monotonic
    this.bootId = place.bootId
    this.xorHash = place.xorHash
    this.items = items
  }

  /** By this text the entry is found again. */
  get cursor(): string {
    return formatCursor(this)
  }

  /** The values of each field. They are bytes: most are UTF-8, but they need not be. */
  get fields(): ReadonlyMap<string, readonly Buffer[]> {
    if (this.#fields === undefined) {
      this.#fields = new Map()
      for (const { name, value } of this.items) {
        const values = this.#fields.get(name)
        if (values === undefined) this.#fields.set(name, [value])
        else values.push(value)
      }
    }
    return this.#fields
  }

  /** The first value of a field as text. */
  text(name: string): string | undefined {
    return this.fields.get(name)?.[0]?.toString('utf8')
  }
}
