import type { ByteReader, ByteWriter } from '../store/bytes.ts'

/** Processes that are remembered; each start of a member is one. The one whose last command is oldest goes first. */
export const SESSIONS_MAX = 256
/**
 * How far a command may lag behind the newest of its session. Whoever proposes keeps fewer waiting; what lags further
 * counts as applied already.
 */
export const WINDOW_COMMANDS = 65_536

/** What one process has had applied: all up to `floor`, and those of `above`. */
interface Session {
  floor: number
  highest: number
  above: Set<number>
  /** Index of the entry that was counted last. */
  usedAt: number
}

/**
 * Which commands were applied, so that one that was proposed twice counts once (thesis, 6.3). Part of what is
 * replicated: the same entries lead to the same table on every member, and it travels with snapshots.
 *
 * A number is not simply compared with the last one: a command that was lost is proposed again after later ones.
 */
export class Sessions {
  readonly #sessions = new Map<number, Session>()
  /** The last one used: most commands of a turn come from one process. */
  #lastId = 0
  #last: Session | undefined

  get size(): number {
    return this.#sessions.size
  }

  /** Counts a command of the entry at `index`. False when it was applied before, or lags too far behind. */
  count(id: number, sequence: number, index: number): boolean {
    const session = id === this.#lastId && this.#last !== undefined ? this.#last : this.#find(id)
    session.usedAt = index
    if (sequence === session.floor + 1 && session.above.size === 0) {
      session.floor = sequence
      if (sequence > session.highest) session.highest = sequence
      return true
    }
    return insert(session, sequence)
  }

  /** Whether a command was counted. */
  has(id: number, sequence: number): boolean {
    const session = this.#sessions.get(id)
    return session !== undefined && (sequence <= session.floor || session.above.has(sequence))
  }

  /** Writes all of it. */
  write(writer: ByteWriter): void {
    writer.varint(this.#sessions.size)
    for (const [id, { floor, highest, above, usedAt }] of this.#sessions) {
      writer.varint(id)
      writer.varint(floor)
      writer.varint(highest)
      writer.varint(usedAt)
      writer.varint(above.size)
      for (const sequence of above) writer.varint(sequence)
    }
  }

  /**
   * Takes over what `write` wrote.
   *
   * @throws UserError for anything else
   */
  read(reader: ByteReader): void {
    this.#sessions.clear()
    this.#last = undefined
    const count = reader.varint()
    if (count > SESSIONS_MAX) reader.fail(`has ${count} sessions`)
    for (let number = 0; number < count; number++) {
      const id = reader.varint()
      const floor = reader.varint()
      const highest = reader.varint()
      const usedAt = reader.varint()
      const size = reader.varint()
      if (size > WINDOW_COMMANDS) reader.fail(`has a session with ${size} commands`)
      const above = new Set<number>()
      for (let at = 0; at < size; at++) above.add(reader.varint())
      this.#sessions.set(id, { floor, highest, above, usedAt })
    }
  }

  #find(id: number): Session {
    let session = this.#sessions.get(id)
    if (session === undefined) {
      if (this.#sessions.size >= SESSIONS_MAX) this.#forgetOldest()
      session = { floor: 0, highest: 0, above: new Set(), usedAt: 0 }
      this.#sessions.set(id, session)
    }
    this.#lastId = id
    this.#last = session
    return session
  }

  /** No two were used last by the same entry, so all members forget the same one. */
  #forgetOldest(): void {
    let oldest = 0
    let usedAt = Number.POSITIVE_INFINITY
    for (const [id, session] of this.#sessions) {
      if (session.usedAt >= usedAt) continue
      oldest = id
      usedAt = session.usedAt
    }
    this.#sessions.delete(oldest)
    this.#last = undefined
  }
}

function insert(session: Session, sequence: number): boolean {
  const { above } = session
  if (sequence <= session.floor || above.has(sequence)) return false
  above.add(sequence)
  if (sequence > session.highest) session.highest = sequence
  const floor = session.highest - WINDOW_COMMANDS
  // What never came until now has been given up by who proposed it.
  if (floor > session.floor + above.size) {
    for (const counted of above) if (counted <= floor) above.delete(counted)
    session.floor = floor
  }
  while (session.floor < floor) above.delete(++session.floor)
  while (above.delete(session.floor + 1)) session.floor += 1
  return true
}
