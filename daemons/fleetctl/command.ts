import type { FlagSpec, Flags } from '#lib/cli/flags.ts'
import type { Client } from './client.ts'
import type { Io } from './io.ts'
import type { Settings } from './settings.ts'

/** What a command is run with. */
export interface Context {
  flags: Flags
  words: readonly string[]
  settings: Settings
  io: Io
  /** Connects when it is first asked for. */
  connect: () => Promise<Client>
}

/** A command of the program. */
export interface Command {
  name: string
  /** One line. */
  summary: string
  /** Its arguments: `UNIT...`. */
  usage: string
  /** Some lines, with examples. */
  description: string
  flags?: readonly FlagSpec[]
  /** Words after `--`, or after the first one, are not ours: those of a command to run elsewhere. */
  passesOn?: boolean
  hidden?: boolean
  run(context: Context): Promise<number>
}
