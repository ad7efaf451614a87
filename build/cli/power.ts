import { UserError } from '#lib/errors.ts'
import { TimeoutError } from '../vm/deadline.ts'
import type { Machine } from '../vm/machine.ts'
import type { Arguments, CliContext, Command } from './command.ts'
import { lookUp, type NamedMachine, namedMachines, notRunning, openMachine, stopShared } from './machines.ts'

/** As many as a cluster may have. */
export const NAMES_MAX = 50

/** Presses the power button; a guest that does not react in time is cut off. */
export async function shutDown(machine: Machine, context: CliContext): Promise<void> {
  const task = context.progress.begin(`Shutting ${machine.name} down`)
  try {
    // A machine that is held cannot react.
    await machine.cont()
    await machine.powerdown()
    task.end()
  } catch (error) {
    if (!(error instanceof TimeoutError)) throw error
    await machine.quit()
    task.end('it did not react and was cut off')
  }
}

async function withMachine(
  named: NamedMachine,
  context: CliContext,
  act: (machine: Machine) => Promise<void>,
): Promise<void> {
  const machine = await openMachine(named, context)
  try {
    await act(machine)
  } finally {
    await machine.close()
  }
}

/** Does something with each machine that is named, at the same time, or with all. */
async function withEach(parsed: Arguments, act: (named: NamedMachine) => Promise<void>): Promise<number> {
  const results = await Promise.allSettled((await namedMachines(parsed)).map(act))
  const failed = results.find(result => result.status === 'rejected')
  if (failed !== undefined) throw failed.reason
  return 0
}

async function halt(named: NamedMachine, force: boolean, context: CliContext): Promise<void> {
  const found = await lookUp(named.folder)
  if (found === undefined) throw notRunning(named.name, false)
  if (!found.running) {
    context.print(`Machine ${named.name} does not run.`)
    return
  }
  await withMachine(named, context, async machine => {
    if (force) await machine.quit()
    else await shutDown(machine, context)
    context.print(`Machine ${named.name} is down.`)
  })
}

/** `orlop halt`. */
export const haltCommand: Command = {
  name: 'halt',
  summary: 'shut machines down and keep their disks',
  usage: '[NAME]... [--force]',
  flags: { force: { type: 'boolean', help: 'cut the power instead' } },
  operands: { min: 0, max: NAMES_MAX },
  examples: [
    ['npm run orlop -- halt && npm run orlop -- up', 'stops all machines, and starts them again'],
    ['npm run orlop -- halt core-02', 'one of them'],
  ],
  async run(parsed, context) {
    const status = await withEach(parsed, named => halt(named, parsed.set('force'), context))
    await stopShared(context)
    return status
  },
}

/** `orlop suspend`. */
export const suspendCommand: Command = {
  name: 'suspend',
  summary: 'hold machines; they keep their memory',
  usage: '[NAME]...',
  flags: {},
  operands: { min: 0, max: NAMES_MAX },
  examples: [['npm run orlop -- suspend core-01', 'resume lets it go on']],
  run: (parsed, context) =>
    withEach(parsed, named =>
      withMachine(named, context, async machine => {
        await machine.stop()
        context.print(`Machine ${machine.name} is suspended.`)
      }),
    ),
}

/** `orlop resume`. */
export const resumeCommand: Command = {
  name: 'resume',
  summary: 'let suspended machines go on',
  usage: '[NAME]...',
  flags: {},
  operands: { min: 0, max: NAMES_MAX },
  examples: [['npm run orlop -- resume core-01', 'the machine goes on where it was held']],
  run: (parsed, context) =>
    withEach(parsed, named =>
      withMachine(named, context, async machine => {
        const status = await machine.status()
        if (status !== 'paused' && status !== 'running')
          throw new UserError(`machine ${machine.name} cannot go on: QEMU calls it ${status}`)
        await machine.cont()
        context.print(`Machine ${machine.name} runs.`)
      }),
    ),
}
