import type { FlagSpec, Flags } from '#lib/cli/flags.ts'
import type { Io } from './io.ts'
import type { Settings } from './settings.ts'

/** One call of a command. */
export interface Call {
  /** The command's own flags. */
  flags: Flags
  /** The words that are no flags. */
  words: readonly string[]
  settings: Settings
  io: Io
}

/** A command, or a group of them. */
export interface Command {
  name: string
  /** One line for the help. */
  usage: string
  /** What stands after the flags in the help: `<key> <value>`. */
  operands?: string
  /** Paragraphs for the help. */
  description?: readonly string[]
  flags?: readonly FlagSpec[]
  /** It reads `--` among its words as a separator of its own. */
  separates?: boolean
  /** Absent for a group. @returns the status of the program @throws Failure for any other end */
  run?: (call: Call) => Promise<number>
  commands?: readonly Command[]
}

/** A flag that is on or off. */
export function boolFlag(name: string, usage: string, alias?: string): FlagSpec {
  return { names: alias === undefined ? [name] : [name, alias], type: 'bool', usage }
}

/** A flag that takes a whole number; 0 when it is not given. */
export function intFlag(name: string, usage: string): FlagSpec {
  return { names: [name], type: 'int', usage }
}

/** A flag that takes text; `''` when it is not given. */
export function textFlag(name: string, usage: string): FlagSpec {
  return { names: [name], type: 'string', usage }
}
