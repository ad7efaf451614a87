import type { Io } from './io.ts'

/** What something can be said by. */
export type Voice = Pick<Io, 'out' | 'err'>

/** What is said of works that are done beside one another, told in the order of the works. */
export class Lines {
  readonly #voice: Voice
  readonly #said: (() => void)[][] = []
  readonly #isDone: boolean[] = []
  #told = 0

  constructor(voice: Voice) {
    this.#voice = voice
  }

  /** By which the work of this number speaks; it is heard when that work and all before it are done. */
  of(number: number): Voice {
    this.#said[number] ??= []
    const said = this.#said[number]
    return {
      out: text => void said.push(() => this.#voice.out(text)),
      err: text => void said.push(() => this.#voice.err(text)),
    }
  }

  /** A work is done. */
  done(number: number): void {
    this.#isDone[number] = true
    while (this.#isDone[this.#told] === true) this.#tell(this.#told++)
  }

  /** Tells of those that were done after one that was not. */
  end(): void {
    for (; this.#told < this.#isDone.length; this.#told++)
      if (this.#isDone[this.#told]) this.#tell(this.#told)
  }

  #tell(number: number): void {
    for (const say of this.#said[number] ?? []) say()
  }
}
