/** Bytes of fields that are kept for one file. */
const BYTES_MAX = 512 * 1024
/** What is larger hardly comes twice. */
const ITEM_BYTES_MAX = 16 * 1024
/** For the entry itself, about. */
const ITEM_OVERHEAD_BYTES = 200

/**
 * Fields by their offset, those that were used last. A field never changes once it is written, so it is kept when the
 * file grows.
 */
export class DataCache<T> {
  readonly #items = new Map<number, { item: T; bytes: number }>()
  #bytes = 0

  get(offset: number): T | undefined {
    const found = this.#items.get(offset)
    if (found === undefined) return undefined
    this.#items.delete(offset)
    this.#items.set(offset, found)
    return found.item
  }

  set(offset: number, item: T, size: number): void {
    if (size > ITEM_BYTES_MAX || this.#items.has(offset)) return
    const bytes = size + ITEM_OVERHEAD_BYTES
    this.#items.set(offset, { item, bytes })
    this.#bytes += bytes
    for (const [oldest, { bytes: freed }] of this.#items) {
      if (this.#bytes <= BYTES_MAX) break
      this.#items.delete(oldest)
      this.#bytes -= freed
    }
  }
}
