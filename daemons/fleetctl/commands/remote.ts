import type { FlagSpec } from '#lib/cli/flags.ts'
import type { MachineBody, UnitBody } from '#lib/fleet/shapes.ts'
import { nameFromArgument } from '#lib/fleet/unit/name.ts'
import type { Client } from '../client.ts'
import type { Command, Context } from '../command.ts'
import { Failure } from '../io.ts'
import { remoteWords, sshArguments } from '../ssh.ts'
import { isGlobal } from './listing.ts'

const SSH_PORT: FlagSpec = { names: ['ssh-port'], type: 'int', default: '22', usage: 'of the machines' }
const BY_SSH: FlagSpec = { names: ['ssh'], type: 'bool', usage: 'by SSH, not by the API' }
const MACHINE: FlagSpec = { names: ['machine'], type: 'string', usage: 'ID of the machine, or its beginning' }

/** Commands that reach for another machine. */
export const REMOTE_COMMANDS: readonly Command[] = [
  {
    name: 'status',
    summary: 'Output the status of one or more units in the cluster',
    usage: 'UNIT...',
    description: `Prints what systemctl status says where the unit is; of a global unit, on each machine.

fleetctl status hello.service
fleetctl status --ssh hello.service`,
    flags: [SSH_PORT, BY_SSH],
    run: status,
  },
  {
    name: 'journal',
    summary: 'Print the journal of a unit in the cluster to stdout',
    usage: 'UNIT',
    description: `Prints the last lines of a unit's journal from the machine where it runs.

fleetctl journal hello.service
fleetctl journal --lines 100 -f hello.service`,
    flags: [
      { names: ['lines'], type: 'int', default: '10', usage: 'how many of the last' },
      { names: ['follow', 'f'], type: 'bool', usage: 'go on with new ones' },
      { names: ['output'], type: 'string', default: 'short', usage: 'format, as of journalctl' },
      { names: ['sudo'], type: 'bool', usage: 'with --ssh: read it as root' },
      MACHINE,
      SSH_PORT,
      BY_SSH,
    ],
    run: journal,
  },
  {
    name: 'ssh',
    summary: 'Open interactive shell on a machine in the cluster, or run a command there',
    usage: '[MACHINE|UNIT] [COMMAND...]',
    description: `Opens a shell on a machine, named by the beginning of its ID or by a unit that it runs.

fleetctl ssh 8a6c94dd
fleetctl ssh hello.service docker ps
fleetctl ssh --unit hello.service -- uptime`,
    flags: [
      MACHINE,
      { names: ['unit'], type: 'string', usage: 'a unit that runs on the machine' },
      { names: ['forward-agent', 'A'], type: 'bool', usage: 'let the machine use the SSH agent' },
      SSH_PORT,
    ],
    passesOn: true,
    run: ssh,
  },
  {
    name: 'fd-forward',
    summary: 'Proxy stdin and stdout to a unix domain socket',
    usage: 'SOCKET',
    description: 'The far end of --tunnel.\n\nfleetctl fd-forward /var/run/fleet.sock',
    async run({ words, io }) {
      if (words.length !== 1) throw new Failure('Provide a single argument')
      try {
        await io.joinSocket(words[0]!)
      } catch (error) {
        throw new Failure(`Failed dialing remote address: ${error instanceof Error ? error.message : error}`)
      }
      return 0
    },
  },
]

async function status(context: Context): Promise<number> {
  const { words, io } = context
  const client = await context.connect()
  for (const [index, word] of words.entries()) {
    const name = nameFromArgument(word)
    const unit = await client.unit(name)
    if (unit === undefined) throw new Failure(`Unit ${name} does not exist.`)
    const machines = await machinesOf(client, unit)
    if (machines.length === 0) throw new Failure(`Unit ${name} does not appear to be loaded.`)
    if (index > 0) io.out('\n')
    for (const [at, machineId] of machines.entries()) {
      if (at > 0) io.out('\n')
      const result = await statusOn(context, client, name, machineId)
      if (result !== 0) return result
    }
  }
  return 0
}

async function statusOn(context: Context, client: Client, name: string, machineId: string): Promise<number> {
  const args = ['status', '--no-pager', '-l', name]
  if (machineId === (await context.io.machineId())) return await context.io.run('systemctl', args)
  if (!context.flags.on('ssh')) {
    const found = await client.status(name, machineId)
    if (found !== undefined) {
      context.io.out(found.output)
      return found.status
    }
  }
  return await runThere(context, client, machineId, ['systemctl', ...args])
}

async function journal(context: Context): Promise<number> {
  const { words, io, flags } = context
  if (words.length !== 1) throw new Failure('One unit file must be provided.')
  const name = nameFromArgument(words[0]!)
  const client = await context.connect()
  const unit = await client.unit(name)
  if (unit === undefined) throw new Failure(`Unit ${name} does not exist.`)
  const machineId = await journalMachine(context, client, unit)
  const [lines, output, follow] = [flags.number('lines'), flags.text('output'), flags.on('follow')]
  if (!flags.on('ssh') && machineId !== (await io.machineId())) {
    const found = await client.journal(name, { machineId, lines, output, follow })
    if (found !== undefined) {
      for await (const line of found) io.out(`${line}\n`)
      return 0
    }
  }
  const args = [
    '--unit',
    name,
    '--no-pager',
    '-n',
    String(lines),
    '--output',
    output,
    ...(follow ? ['-f'] : []),
  ]
  const [program, ...rest] = flags.on('sudo') ? ['sudo', 'journalctl', ...args] : ['journalctl', ...args]
  if (machineId === (await io.machineId())) return await io.run(program!, rest)
  return await runThere(context, client, machineId, [program!, ...rest])
}

async function journalMachine({ flags }: Context, client: Client, unit: UnitBody): Promise<string> {
  const { name, machineID, currentState } = unit
  if (flags.given('machine')) return (await findMachine(client, flags.text('machine'))).id
  if (isGlobal(unit))
    throw new Failure(`Unable to retrieve journal of global unit ${name}; say of which machine by --machine.`)
  if (currentState === 'inactive' || machineID === undefined)
    throw new Failure(`Unit ${name} does not appear to be running.`)
  return machineID
}

async function ssh(context: Context): Promise<number> {
  const { words, flags } = context
  const [machine, unit] = [flags.text('machine'), flags.text('unit')]
  if (machine !== '' && unit !== '')
    throw new Failure('Both machine and unit flags provided, please specify only one.')
  const client = await context.connect()
  const isNamed = machine !== '' || unit !== ''
  const [first, ...others] = words
  if (!isNamed && first === undefined) throw new Failure('one machine or unit must be provided')
  const machineId = isNamed
    ? machine === ''
      ? await machineOfUnit(client, unit)
      : (await findMachine(client, machine)).id
    : await machineOrUnit(client, first!)
  const command = isNamed ? [...words] : others
  if (command[0] === '--') command.shift()
  return await runThere(context, client, machineId, command, true)
}

async function machineOrUnit(client: Client, word: string): Promise<string> {
  const machines = (await client.machines()).filter(({ id }) => id.startsWith(word))
  const unit = await client.unit(nameFromArgument(word))
  if (machines.length === 1 && unit !== undefined)
    throw new Failure(`ambiguous argument, both machine and unit found for \`${word}\`.
Say which by --machine or --unit.`)
  if (machines.length > 1)
    throw new Failure(`${word} begins the IDs of ${machines.length} machines; give more of it`)
  if (machines.length === 1) return machines[0]!.id
  if (unit === undefined) throw new Failure('Unable to proceed: could not find matching unit or machine')
  return await machineOfUnit(client, word)
}

async function machineOfUnit(client: Client, word: string): Promise<string> {
  const name = nameFromArgument(word)
  const unit = await client.unit(name)
  if (unit === undefined) throw new Failure(`Unit ${name} does not exist.`)
  if (isGlobal(unit)) throw new Failure(`Unit ${name} is global: name one of its machines`)
  if (unit.machineID === undefined) throw new Failure(`Unit ${name} does not appear to be loaded.`)
  return unit.machineID
}

async function findMachine(client: Client, prefix: string): Promise<MachineBody> {
  const found = (await client.machines()).filter(({ id }) => id.startsWith(prefix))
  if (found.length === 1) return found[0]!
  throw new Failure(
    found.length === 0
      ? `no machine has an ID that begins with ${prefix}`
      : `${prefix} begins the IDs of ${found.length} machines; give more of it`,
  )
}

async function runThere(
  { settings, flags, io }: Context,
  client: Client,
  machineId: string,
  command: readonly string[],
  isAsTyped = false,
): Promise<number> {
  const machine = (await client.machines()).find(({ id }) => id === machineId)
  if (machine?.primaryIP === undefined)
    throw new Failure(`machine ${machineId} has no address in the cluster to reach it by`)
  const options = {
    ...settings.ssh,
    port: flags.number('ssh-port'),
    forwardAgent: flags.find('forward-agent') !== undefined && flags.on('forward-agent'),
  }
  const words = isAsTyped ? command : remoteWords(command)
  if (options.strictHostKeyChecking) await io.makeFolderOf(options.knownHostsFile)
  return await io.run(
    'ssh',
    sshArguments(options, machine.primaryIP, words, io.isTerminal && command.length === 0),
  )
}

/** Machines that tell of a unit: one, or of a global unit all that have it. */
async function machinesOf(client: Client, unit: UnitBody): Promise<string[]> {
  if (!isGlobal(unit))
    return unit.currentState === 'inactive' || unit.machineID === undefined ? [] : [unit.machineID]
  const states = (await client.states()).filter(({ name }) => name === unit.name)
  return states.map(({ machineID = '' }) => machineID).sort()
}
