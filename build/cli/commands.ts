import { buildCommand } from './build.ts'
import type { Command } from './command.ts'
import { diffCommand, inspectCommand, verifyCommand } from './examine.ts'
import { lockCommand } from './lock.ts'

/** Every command of `orlop`, in the order of the help. */
export const COMMANDS: readonly Command[] = [
  buildCommand,
  inspectCommand,
  verifyCommand,
  diffCommand,
  lockCommand,
]
