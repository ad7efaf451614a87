/** What was heard of since a round has looked: its steps for these units may not hold any more. */
export class News {
  /** Undefined stands for all. */
  #names: Set<string> | undefined = new Set()

  /** @param names undefined for news after which everything may be different */
  hear(names: Iterable<string> | undefined): void {
    if (names === undefined) this.#names = undefined
    else if (this.#names !== undefined) for (const name of names) this.#names.add(name)
  }

  /** Whether everything may be different. */
  get areOfAll(): boolean {
    return this.#names === undefined
  }

  has(name: string): boolean {
    return this.#names === undefined || this.#names.has(name)
  }

  /** A round looks. */
  clear(): void {
    this.#names = new Set()
  }
}
