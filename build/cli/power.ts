import { UserError } from '#lib/errors.ts'
import { TimeoutError } from '../vm/deadline.ts'
import type { Machine } from '../vm/machine.ts'
import type { Arguments, CliContext, Command } from './command.ts'
import { lookUp, namedMachine, notRunning, openMachine } from './machines.ts'

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
  parsed: Arguments,
  context: CliContext,
  act: (machine: Machine) => Promise<void>,
): Promise<number> {
  const machine = await openMachine(parsed, context)
  try {
    await act(machine)
    return 0
  } finally {
    await machine.close()
  }
}

/** `orlop halt`. */
export const haltCommand: Command = {
  name: 'halt',
  summary: 'shut a machine down and keep its disk',
  usage: '[NAME] [--force]',
  flags: { force: { type: 'boolean', help: 'cut the power instead' } },
  operands: { min: 0, max: 1 },
  examples: [['npm run orlop -- halt && npm run orlop -- up', 'stops the machine, and starts it again']],
  async run(parsed, context) {
    const { name, folder } = namedMachine(parsed)
    const found = await lookUp(folder)
    if (found === undefined) throw notRunning(name, false)
    if (!found.running) {
      context.print(`Machine ${name} does not run.`)
      return 0
    }
    return await withMachine(parsed, context, async machine => {
      if (parsed.set('force')) await machine.quit()
      else await shutDown(machine, context)
      context.print(`Machine ${name} is down.`)
    })
  },
}

/** `orlop suspend`. */
export const suspendCommand: Command = {
  name: 'suspend',
  summary: 'hold a machine; it keeps its memory',
  usage: '[NAME]',
  flags: {},
  operands: { min: 0, max: 1 },
  examples: [['npm run orlop -- suspend', 'resume lets it go on']],
  run: (parsed, context) =>
    withMachine(parsed, context, async machine => {
      await machine.stop()
      context.print(`Machine ${machine.name} is suspended.`)
    }),
}

/** `orlop resume`. */
export const resumeCommand: Command = {
  name: 'resume',
  summary: 'let a suspended machine go on',
  usage: '[NAME]',
  flags: {},
  operands: { min: 0, max: 1 },
  examples: [['npm run orlop -- resume', 'the machine goes on where it was held']],
  run: (parsed, context) =>
    withMachine(parsed, context, async machine => {
      const status = await machine.status()
      if (status !== 'paused' && status !== 'running')
        throw new UserError(`machine ${machine.name} cannot go on: QEMU calls it ${status}`)
      await machine.cont()
      context.print(`Machine ${machine.name} runs.`)
    }),
}
