import { isTries, type Slot, type SlotState, slotState, TRIES_MAX } from './state.ts'

/** All 128 states: 2 orders × 4 tries × good or not, for both slots. For tests and tools that prove things by trying all. */
export function everyState(): SlotState[] {
  const tries = Array.from({ length: TRIES_MAX + 1 }, (_, count) => count).filter(isTries)
  const slots: Slot[] = tries.flatMap(count => [true, false].map(good => ({ tries: count, good })))
  return (['a', 'b'] as const).flatMap(first => slots.flatMap(a => slots.map(b => slotState(first, a, b))))
}
