import { buildCommand } from './build.ts'
import type { Command } from './command.ts'
import { consoleCommand } from './console.ts'
import { destroyCommand } from './destroy.ts'
import { diffCommand, inspectCommand, verifyCommand } from './examine.ts'
import { lockCommand } from './lock.ts'
import { networkCommand } from './network.ts'
import { haltCommand, resumeCommand, suspendCommand } from './power.ts'
import { reloadCommand } from './reload.ts'
import { sshCommand } from './ssh.ts'
import { statusCommand } from './status.ts'
import { upCommand } from './up.ts'

/** Every command of `orlop`, in the order of the help. */
export const COMMANDS: readonly Command[] = [
  buildCommand,
  upCommand,
  sshCommand,
  consoleCommand,
  statusCommand,
  haltCommand,
  reloadCommand,
  suspendCommand,
  resumeCommand,
  destroyCommand,
  networkCommand,
  inspectCommand,
  verifyCommand,
  diffCommand,
  lockCommand,
]
