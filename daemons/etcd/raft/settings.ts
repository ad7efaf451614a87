/** What may be set on a member. The bounds keep memory and messages finite, whatever the others do. */
export interface Settings {
  /** Ticks between two heartbeats of a leader. */
  heartbeatTicks: number
  /** A follower that hears nothing campaigns after this many ticks, up to but not including twice as many. */
  electionTicks: number
  /** Asks whether an election could be won before it disturbs anybody (thesis, 9.6). */
  preVote: boolean
  /** A leader that does not hear from a majority steps down; who hears from a leader gives no vote (thesis, 6.2). */
  checkQuorum: boolean
  /** Data of entries in one append message; one entry always goes, however long. */
  appendBytesMax: number
  /** Append messages under way to one follower. */
  inflightMessagesMax: number
  /** Data of entries under way to one follower. */
  inflightBytesMax: number
  /** Data of entries that the leader has not committed yet, and of those a follower hands on at once. */
  uncommittedBytesMax: number
  /** Data of entries that one `Ready` hands over to be applied; one entry always goes. */
  applyBytesMax: number
  /** Writes that the host has taken and not yet reported as durable. */
  writesInFlightMax: number
  /** Reads that wait for their index. */
  readsPendingMax: number
}

/** Defaults: the original's times in ticks of 100 ms; bounds that 64 busy connections do not reach. */
export const DEFAULTS: Readonly<Settings> = {
  heartbeatTicks: 1,
  electionTicks: 10,
  preVote: true,
  checkQuorum: true,
  appendBytesMax: 512 * 1024,
  inflightMessagesMax: 256,
  inflightBytesMax: 16 * 1024 * 1024,
  uncommittedBytesMax: 64 * 1024 * 1024,
  applyBytesMax: 4 * 1024 * 1024,
  writesInFlightMax: 128,
  readsPendingMax: 65_536,
}

/**
 * The defaults with what is set.
 *
 * @throws RangeError when a number cannot work
 */
export function settingsFrom(set: Partial<Settings> | undefined): Settings {
  const settings = { ...DEFAULTS, ...set }
  for (const [name, value] of Object.entries(settings)) {
    if (typeof value === 'number' && (!Number.isSafeInteger(value) || value < 1))
      throw new RangeError(`${name} must be a whole number above 0, not ${value}`)
  }
  if (settings.electionTicks <= settings.heartbeatTicks)
    throw new RangeError('electionTicks must be more than heartbeatTicks')
  return settings
}
