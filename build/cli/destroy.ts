import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { UserError } from '#lib/errors.ts'
import { Machine } from '../vm/machine.ts'
import type { MachineRecord } from '../vm/record.ts'
import type { Command } from './command.ts'
import { lookUp, namedMachine, notRunning, openTools } from './machines.ts'
import { shutDown } from './power.ts'

/** `orlop destroy`. */
export const destroyCommand: Command = {
  name: 'destroy',
  summary: 'shut a machine down and remove it with its disk',
  usage: '[NAME] [--force]',
  flags: { force: { type: 'boolean', help: 'cut the power instead of shutting down' } },
  operands: { min: 0, max: 1 },
  examples: [['npm run orlop -- destroy', 'the next `up` begins with a fresh disk']],
  async run(parsed, context) {
    const { name, folder } = namedMachine(parsed)
    if (!existsSync(folder)) throw notRunning(name, false)
    // A damaged record must not make a machine impossible to remove.
    const found = await lookUp(folder).catch((error: unknown) => {
      if (!(error instanceof UserError)) throw error
      context.progress.note(error.message)
      return undefined
    })
    if (found?.running) {
      const { host } = await openTools(context)
      const machine = await Machine.open(folder, host).catch(() => undefined)
      if (machine) {
        if (parsed.set('force')) await machine.quit()
        else await shutDown(machine, context)
      } else {
        killProcess(found.record)
      }
    }
    await rm(folder, { recursive: true, force: true })
    context.print(`Machine ${name} is gone.`)
    return 0
  },
}

/** The last resort when QEMU does not answer: the process was identified as that machine's. */
function killProcess({ process: identity }: MachineRecord): void {
  try {
    if (identity) process.kill(-identity.pid, 'SIGKILL')
  } catch {
    // It ended by itself in between.
  }
}
