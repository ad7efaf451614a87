/** One of the two places for an operating system on the disk. */
export type SlotName = 'a' | 'b'

/** How often a slot may be booted without being found healthy. */
export const TRIES_MAX = 3

/** Boots left: 0 to `TRIES_MAX`. */
export type Tries = 0 | 1 | 2 | 3

/** What is known of one slot. */
export interface Slot {
  /** Boots left before the other slot is taken. Burnt before a boot, refunded by `markGood` alone. */
  readonly tries: Tries
  /** It was found healthy since it was written. */
  readonly good: boolean
}

/**
 * What decides which slot boots: the slots and the order of preference. An immutable value; it is stored in GRUB's
 * environment block (grubenv.ts), GRUB decides by it (choice.ts), the running system rewrites it.
 */
export interface SlotState {
  readonly order: readonly [SlotName, SlotName]
  readonly a: Slot
  readonly b: Slot
}

/** The slot that `name` is not. */
export function otherSlot(name: SlotName): SlotName {
  return name === 'a' ? 'b' : 'a'
}

/** Whether a number is a count of tries. */
export function isTries(value: number): value is Tries {
  return Number.isInteger(value) && value >= 0 && value <= TRIES_MAX
}

/** A state; the slot named first is preferred. */
export function slotState(first: SlotName, a: Slot, b: Slot): SlotState {
  return { order: [first, otherSlot(first)], a: { ...a }, b: { ...b } }
}

/** A slot that holds nothing worth booting. */
export const EMPTY_SLOT: Slot = { tries: 0, good: false }

/** A slot that was just written: all its tries, not yet proved. */
export const NEW_SLOT: Slot = { tries: TRIES_MAX, good: false }

/** A slot found healthy. */
export const GOOD_SLOT: Slot = { tries: TRIES_MAX, good: true }

/** The state of a fresh image: the filled slots have all their tries, A is preferred. */
export function initialState(filled: { b: boolean }): SlotState {
  return slotState('a', NEW_SLOT, filled.b ? NEW_SLOT : EMPTY_SLOT)
}

function withSlot(state: SlotState, name: SlotName, slot: Slot): SlotState {
  return name === 'a' ? { ...state, a: slot } : { ...state, b: slot }
}

/** The slot was booted and the health checks passed: its tries are refunded. */
export function markGood(state: SlotState, name: SlotName): SlotState {
  return withSlot(state, name, GOOD_SLOT)
}

/** The slot must not be booted any more, while there is another. */
export function markBad(state: SlotState, name: SlotName): SlotState {
  return withSlot(state, name, EMPTY_SLOT)
}

/** One boot of the slot is about to begin. */
export function burnTry(state: SlotState, name: SlotName): SlotState {
  const { tries, good } = state[name]
  const left = tries - 1
  return isTries(left) ? withSlot(state, name, { tries: left, good }) : state
}

/**
 * The slot is about to be overwritten. Until `finishInstall` nothing may boot it, however the work ends; the other
 * slot comes first.
 */
export function beginInstall(state: SlotState, name: SlotName): SlotState {
  return { ...withSlot(state, name, EMPTY_SLOT), order: [otherSlot(name), name] }
}

/** The slot was written and read back: it is booted next, with all its tries. */
export function finishInstall(state: SlotState, name: SlotName): SlotState {
  return { ...withSlot(state, name, NEW_SLOT), order: [name, otherSlot(name)] }
}

/** An operator's choice: the slot comes first and gets all its tries; whether it is good stays as known. */
export function prefer(state: SlotState, name: SlotName): SlotState {
  return {
    ...withSlot(state, name, { tries: TRIES_MAX, good: state[name].good }),
    order: [name, otherSlot(name)],
  }
}

/**
 * The state for an environment block that can not be read any more, as seen from a healthy boot of `running`.
 * Of the other slot nothing is known, so it only is the last resort.
 */
export function repairedState(running: SlotName): SlotState {
  return markGood(slotState(running, EMPTY_SLOT, EMPTY_SLOT), running)
}
