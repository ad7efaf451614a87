import type { Command } from './command.ts'

/** Every command of `orlop`, in the order of the help. */
export const COMMANDS: readonly Command[] = []
