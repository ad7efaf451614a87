/**
 * What a replicated log is made of: the words that core, log on disk and store share.
 *
 * Terms and indexes are safe integers; 0 means "before the first". Bytes are never copied and never changed: who
 * hands over a `Uint8Array` gives it away.
 */

/** A member's 64 bits as lower-case hex without padding. Never empty: '' where one may be missing means nobody. */
export type MemberId = string

/** One entry of the log. The data of a `config` entry is a change of members (`membership.ts`). */
export interface Entry {
  term: number
  index: number
  type: 'normal' | 'config'
  data: Uint8Array
}

/** What a member must find again after a crash, beside its entries (paper, figure 2: persistent state). */
export interface HardState {
  term: number
  /** Whom this member voted for in this term. */
  vote: MemberId | ''
  /** Saved for a faster start only; it may be older than what was committed. */
  commit: number
}

/** Who belongs to the cluster. Learners receive the log and do not vote. No id stands in both. */
export interface Configuration {
  voters: MemberId[]
  learners: MemberId[]
}

/** Where a snapshot stands in the log: it replaces everything up to and including `index`. */
export interface SnapshotMeta {
  term: number
  index: number
  configuration: Configuration
}

/** A snapshot of what the entries have built. */
export interface Snapshot {
  meta: SnapshotMeta
  /** In memory; the host may leave it empty and stream the state beside. */
  data: Uint8Array
}
