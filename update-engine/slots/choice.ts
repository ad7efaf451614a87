import { burnTry, type SlotName, type SlotState, type Tries } from './state.ts'

/** What the boot loader does with a state. */
export interface Choice {
  slot: SlotName
  /** Tries of the slot after this boot began. */
  triesLeft: Tries
  /** No slot had tries left: the system shall stay up even if it is unhealthy, for there is nothing to fall back to. */
  lastResort: boolean
  /** The state that is saved before the kernel starts. */
  after: SlotState
}

/**
 * Which slot boots: the first in order that has tries, one of which is burnt before anything of it runs. When none
 * has, the first good one, else the first: a machine that may still come up beats one that certainly does not.
 *
 * `image/boot/grub.cfg` decides the same way in GRUB's language; test/vm/grub-choice.test.ts runs it over every
 * state and compares.
 */
export function chooseSlot(state: SlotState): Choice {
  const slot = state.order.find(name => state[name].tries > 0)
  if (slot !== undefined) {
    const after = burnTry(state, slot)
    return { slot, triesLeft: after[slot].tries, lastResort: false, after }
  }
  const resort = state.order.find(name => state[name].good) ?? state.order[0]
  return { slot: resort, triesLeft: 0, lastResort: true, after: state }
}
