import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { UserError } from '#lib/errors.ts'
import { FILES } from '../vm/arguments.ts'
import type { Machine } from '../vm/machine.ts'
import type { Command } from './command.ts'
import { lookUp, namedMachine, notRunning, openMachine } from './machines.ts'

/** `orlop console`. */
export const consoleCommand: Command = {
  name: 'console',
  summary: 'sit at the serial console of a machine',
  usage: '[NAME] [--log]',
  flags: {
    log: { type: 'boolean', help: 'print what the console has said since the machine was made, and end' },
  },
  operands: { min: 0, max: 1 },
  examples: [
    ['npm run orlop -- console', 'Ctrl-] leaves it; the machine goes on'],
    ['npm run orlop -- console --log', 'also of a machine that does not run any more'],
  ],
  async run(parsed, context) {
    const named = await namedMachine(parsed, context)
    const { name, folder } = named
    if (parsed.set('log')) {
      if ((await lookUp(folder)) === undefined) throw notRunning(name, false)
      await pipeline(createReadStream(join(folder, FILES.consoleLog)), process.stdout, { end: false })
      return 0
    }
    // Closed before sitting down: QEMU answers one visitor at a time, and other commands want answers meanwhile.
    const machine = await openMachine(named, context)
    try {
      await refuseSecondSeat(machine)
    } finally {
      await machine.close()
    }
    return await sit(folder, name, context.signal)
  },
}

/** QEMU serves one client; another one would wait in silence. */
async function refuseSecondSeat(machine: Machine): Promise<void> {
  const devices = await machine.qmp.execute('query-chardev')
  const taken =
    Array.isArray(devices) &&
    devices.some(device => device.label === 'console' && !String(device.filename).startsWith('disconnected:'))
  if (taken) throw new UserError(`somebody else sits at the console of ${machine.name}`, 'use `orlop ssh`')
}

async function sit(folder: string, name: string, signal: AbortSignal): Promise<number> {
  const relay = {
    file: process.execPath,
    args: [
      '--disable-warning=ExperimentalWarning',
      join(import.meta.dirname, '../vm/console-relay.ts'),
      folder,
    ],
    env: Object.fromEntries(Object.entries(process.env).filter(([, value]) => value !== undefined)) as Record<
      string,
      string
    >,
  }
  // Loaded here only: it brings a native part that no other command needs.
  const { attach, DETACH_HINT, DETACH_KEY } = await import('../vm/attach.ts')
  const { Terminal } = await import('../vm/terminal.ts')
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    throw new UserError('orlop console: needs a terminal', 'in a script use `orlop ssh NAME -- COMMAND`')
  }
  process.stderr.write(`Console of ${name}. ${DETACH_HINT}; Enter shows the prompt.\n`)
  const terminal = Terminal.spawn(relay)
  const status = await attach(terminal, process.stdin, process.stdout, { detachKey: DETACH_KEY, signal })
  process.stderr.write(`\nLeft the console of ${name}.\n`)
  return status ?? 0
}
