import type { Command } from './command.ts'
import { machineNames } from './machines.ts'
import { haltCommand, NAMES_MAX } from './power.ts'
import { upCommand } from './up.ts'

/** `orlop reload`. */
export const reloadCommand: Command = {
  name: 'reload',
  summary: 'shut machines down and start them again, with the config and user-data of now',
  usage: '[NAME]... [--force]',
  flags: { ...upCommand.flags, ...haltCommand.flags },
  operands: { min: 0, max: NAMES_MAX },
  examples: [
    ['npm run orlop -- reload core-02', 'after a change of the user-data'],
    ['npm run orlop -- reload --memory 2048', 'all of them, with more memory'],
  ],
  async run(parsed, context) {
    const operands = parsed.operands.length > 0 ? parsed.operands : await machineNames()
    const named = { ...parsed, operands }
    await haltCommand.run(named, context)
    return await upCommand.run(named, context)
  },
}
