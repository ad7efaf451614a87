import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '#lib/errors.ts'
import { Machine } from '../vm/machine.ts'
import type { MachineRecord } from '../vm/record.ts'
import type { CliContext, Command } from './command.ts'
import {
  homeFolder,
  lookUp,
  machineNames,
  type NamedMachine,
  namedMachines,
  openTools,
  stopShared,
} from './machines.ts'
import { NAMES_MAX, shutDown } from './power.ts'

/** `orlop destroy`. */
export const destroyCommand: Command = {
  name: 'destroy',
  summary: 'shut machines down and remove them with their disks',
  usage: '[NAME]... [--force]',
  flags: { force: { type: 'boolean', help: 'cut the power instead of shutting down' } },
  operands: { min: 0, max: NAMES_MAX },
  examples: [
    ['npm run orlop -- destroy core-02', '`up core-02` then begins with a fresh disk, and joins the others'],
    ['npm run orlop -- destroy', 'all machines, and the cluster with them'],
  ],
  async run(parsed, context) {
    const machines = await namedMachines(parsed)
    const results = await Promise.allSettled(
      machines.map(machine => destroy(machine, parsed.set('force'), context)),
    )
    const failed = results.find(result => result.status === 'rejected')
    if (failed !== undefined) throw failed.reason
    await stopShared(context)
    // Without machines there is no cluster: the next one is founded by another token.
    if ((await machineNames()).length === 0)
      await rm(join(homeFolder(), 'cluster'), { recursive: true, force: true })
    return 0
  },
}

async function destroy({ name, folder }: NamedMachine, force: boolean, context: CliContext): Promise<void> {
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
      if (force) await machine.quit()
      else await shutDown(machine, context)
    } else {
      killProcess(found.record)
    }
  }
  await rm(folder, { recursive: true, force: true })
  context.print(`Machine ${name} is gone.`)
}

/** The last resort when QEMU does not answer: the process was identified as that machine's. */
function killProcess({ process: identity }: MachineRecord): void {
  try {
    if (identity) process.kill(-identity.pid, 'SIGKILL')
  } catch {
    // It ended by itself in between.
  }
}
