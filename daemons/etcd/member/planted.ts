/**
 * Errors of the member that can be planted on purpose, each one that a careless implementation makes. They prove that
 * the simulator would notice. Nothing is planted in service.
 *
 * - `countTwice`: a command that was proposed twice is applied twice.
 * - `timeoutFinal`: who waited in vain is told that nothing will happen any more.
 * - `barrierFree`: reads are not confirmed by anybody.
 */
export type PlantedMemberBug = 'countTwice' | 'timeoutFinal' | 'barrierFree'

/** All of them, for tests and flags. */
export const PLANTED_MEMBER_BUGS: readonly PlantedMemberBug[] = ['countTwice', 'timeoutFinal', 'barrierFree']
