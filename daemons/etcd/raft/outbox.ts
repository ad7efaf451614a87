import type { Message } from './message.ts'

/**
 * Messages on their way out. Those that promise something (a vote, a copy of entries) wait until what they promise is
 * durable; the others may go at once, beside the write.
 *
 *   send ──────────────────────────────────────────────► ready
 *   promise ──► next write ──► durable (released) ─────► ready
 */
export class Outbox {
  #now: Message[] = []
  /** Promises about what the next write holds. */
  #next: Message[] = []
  /** Promises about writes under way, oldest first, each with the number of its write. */
  readonly #held: Message[] = []
  readonly #heldFor: number[] = []

  send(message: Message): void {
    push(this.#now, message)
  }

  /** Sends when all that the member knows now is durable. */
  promise(message: Message): void {
    push(this.#next, message)
  }

  /** Whether something may go. */
  get hasMessages(): boolean {
    return this.#now.length > 0
  }

  /** Whether promises wait for a write to be taken. */
  get hasPromises(): boolean {
    return this.#next.length > 0
  }

  /** The messages that may go now. */
  takeMessages(): readonly Message[] {
    if (this.#now.length === 0) return NOTHING
    const messages = this.#now
    this.#now = []
    return messages
  }

  /** The promises made so far are about this write and those before. */
  holdFor(write: number): void {
    for (const message of this.#next) {
      this.#held.push(message)
      this.#heldFor.push(write)
    }
    if (this.#next.length > 0) this.#next = []
  }

  /** The promises that no write holds, for when all is durable already. */
  takePromises(): readonly Message[] {
    const messages = this.#next
    this.#next = []
    return messages
  }

  /** The promises about writes up to this one. */
  release(write: number): readonly Message[] {
    let count = 0
    while (count < this.#held.length && this.#heldFor[count]! <= write) count += 1
    if (count === 0) return NOTHING
    this.#heldFor.splice(0, count)
    return this.#held.splice(0, count)
  }
}

const NOTHING: readonly Message[] = []

/**
 * An acknowledgement takes the place of the one before it, which has not gone and says less: a follower that gets ten
 * appends during one sync answers once.
 */
function push(messages: Message[], message: Message): void {
  const before = messages[messages.length - 1]
  if (before !== undefined && isAgreement(message) && isAgreement(before)) {
    if (message.to === before.to && message.term === before.term) {
      before.index = Math.max(before.index, message.index)
      return
    }
  }
  messages.push(message)
}

function isAgreement(message: Message): boolean {
  return message.type === 'appendAnswer' && !message.reject
}
