/** What is remembered of configurations that were applied, in `applied.json` of the workspace. */
export interface AppliedState {
  version: 1
  /** SHA-256 of configurations that apply once only (Ignition, and `once: true`), in hexadecimal. */
  once: string[]
}

/** Configurations of a machine change rarely; those of long ago are forgotten first. */
const ONCE_MAX = 100

/** Nothing was applied yet. */
export const NO_STATE: AppliedState = { version: 1, once: [] }

/** Reads the state; what is damaged counts as none, for the worst that follows is that something is applied again. */
export function parseState(text: string | undefined): AppliedState {
  if (text === undefined) return NO_STATE
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || !('once' in value) || !Array.isArray(value.once))
      return NO_STATE
    return { version: 1, once: value.once.filter(digest => typeof digest === 'string') }
  } catch {
    return NO_STATE
  }
}

/** The state after another configuration. */
export function withApplied(state: AppliedState, digest: string): AppliedState {
  if (state.once.includes(digest)) return state
  return { version: 1, once: [...state.once, digest].slice(-ONCE_MAX) }
}

/** The text of the file. */
export function formatState(state: AppliedState): string {
  return `${JSON.stringify(state)}\n`
}
