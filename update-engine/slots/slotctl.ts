import { readFile, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { UserError } from '#lib/errors.ts'
import { type Boot, parseKernelCommandLine } from './boot.ts'
import { chooseSlot } from './choice.ts'
import { decodeEnvironment, type Environment, encodeState, readState } from './grubenv.ts'
import { type Esp, readPublishedEnvironment, withEsp, withEspFolder } from './host/esp.ts'
import { markBad, markGood, prefer, repairedState, type SlotName, type SlotState } from './state.ts'

const HELP = `slotctl: shows and sets which of the two system slots boots

usage: slotctl status [--json]       what is known of each slot, and which boots next
       slotctl mark-good             this boot is healthy: refund its tries (done by orlop-mark-good.service)
       slotctl mark-bad a|b          do not boot this slot again while there is another
       slotctl set-active a|b        boot this slot next, with all its tries

options:
  --esp FOLDER      where the EFI system partition is mounted (default: mounted for the time needed)
  --cmdline FILE    kernel command line to read (default /proc/cmdline)
  --json            for programs
  --help            this text

A slot has up to three tries. The boot loader takes the first slot that has any and burns one before it starts it;
a boot whose health checks pass gets them back. So a slot that fails three times hands over to the other one.

examples:
  slotctl status
  sudo slotctl set-active b && sudo reboot       go back to what is in slot b
`

interface Options {
  esp: string | undefined
  cmdline: string
  json: boolean
}

/** The program `slotctl`. Returns the exit status: 0 done, 2 wrong usage. */
export async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseWords(args)
  if (values.help || positionals.length === 0) {
    process.stdout.write(HELP)
    return values.help ? 0 : 2
  }
  const options = { esp: values.esp, cmdline: values.cmdline ?? '/proc/cmdline', json: values.json === true }
  const boot = parseKernelCommandLine(await readFile(options.cmdline, 'utf8'))
  const [verb, operand, ...more] = positionals
  if (more.length > 0) throw new UserError(`too many words after ${verb}`, 'see slotctl --help')
  if (verb === 'status' && operand === undefined) return await status(boot, options)
  if (verb === 'mark-good' && operand === undefined) return await markThisGood(boot, options)
  if (verb === 'mark-bad') return await change(operand, boot, options, markBad)
  if (verb === 'set-active') return await change(operand, boot, options, prefer)
  throw new UserError(`slotctl does not know '${positionals.join(' ')}'`, 'see slotctl --help')
}

function parseWords(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        esp: { type: 'string' },
        cmdline: { type: 'string' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (error) {
    throw new UserError(error instanceof Error ? error.message : String(error), 'see slotctl --help')
  }
}

function openEsp<T>(options: Options, access: 'ro' | 'rw', use: (esp: Esp) => Promise<T>): Promise<T> {
  return options.esp === undefined ? withEsp(access, use) : withEspFolder(options.esp, use)
}

/** Everybody may look; only root may mount. */
async function readEnvironment(options: Options): Promise<Uint8Array> {
  if (options.esp === undefined && process.getuid?.() !== 0) return await readPublishedEnvironment()
  return await openEsp(options, 'ro', esp => esp.readEnvironment())
}

async function status(boot: Boot, options: Options): Promise<number> {
  const state = readState(decodeEnvironment(await readEnvironment(options)))
  const next = chooseSlot(state)
  if (options.json) {
    const { a, b, order } = state
    const answer = {
      booted: boot.slot ?? null,
      lastResort: boot.lastResort,
      next: next.slot,
      order,
      slots: { a, b },
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`)
    return 0
  }
  const lines = state.order.map(name => {
    const { tries, good } = state[name]
    const health = good ? 'good' : tries > 0 ? 'not proved yet' : 'empty or failed'
    const notes = [boot.slot === name ? 'booted' : '', next.slot === name ? 'boots next' : ''].filter(Boolean)
    return `slot ${name}  ${health.padEnd(16)} tries ${tries}  ${notes.join(', ')}`.trimEnd()
  })
  if (boot.lastResort) lines.push('This boot was the last resort: no slot had tries left.')
  process.stdout.write(`${lines.join('\n')}\n`)
  return 0
}

/** Of a block that can not be read, nothing is known but that this boot is good: it is written anew. */
function readOrRepair(block: Uint8Array, running: SlotName): { state: SlotState; environment: Environment } {
  try {
    const environment = decodeEnvironment(block)
    return { state: readState(environment), environment }
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    process.stderr.write(`slotctl: ${error.message}; written anew\n`)
    return { state: repairedState(running), environment: new Map() }
  }
}

async function markThisGood(boot: Boot, options: Options): Promise<number> {
  if (boot.slot === undefined) {
    process.stdout.write('no slot to mark: this machine runs from memory\n')
  } else {
    const slot = boot.slot
    await openEsp(options, 'rw', async esp => {
      const old = await esp.readEnvironment()
      const { state, environment } = readOrRepair(old, slot)
      const block = encodeState(markGood(state, slot), environment)
      if (!Buffer.from(old).equals(block)) await esp.writeEnvironment(block)
    })
    process.stdout.write(`slot ${slot} marked good\n`)
  }
  if (options.esp === undefined) await announce(boot)
  return 0
}

/** The line on the console by which people and tests know that the boot is complete. */
async function announce(boot: Boot): Promise<void> {
  const release = await readFile('/usr/lib/os-release', 'utf8')
  const version = /^VERSION_ID="?([^"\n]*)"?$/m.exec(release)?.[1] ?? 'unknown'
  await writeFile(
    '/dev/console',
    `\r\nORLOP: boot complete slot=${boot.slot ?? 'none'} version=${version}\r\n`,
  )
}

async function change(
  operand: string | undefined,
  boot: Boot,
  options: Options,
  operation: (state: SlotState, slot: SlotName) => SlotState,
): Promise<number> {
  if (operand !== 'a' && operand !== 'b')
    throw new UserError(`the slot must be a or b, not '${operand ?? ''}'`)
  if (options.esp === undefined && process.getuid?.() !== 0)
    throw new UserError('only root can change the boot slots', 'use sudo')
  await openEsp(options, 'rw', async esp => {
    if (operation === prefer && !(await esp.holdsSystem(operand)))
      throw new UserError(`slot ${operand} holds no system to boot`)
    const environment = decodeEnvironment(await esp.readEnvironment())
    await esp.writeEnvironment(encodeState(operation(readState(environment), operand), environment))
  })
  return await status(boot, options)
}
