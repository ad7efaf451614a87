import { FlagError, type FlagSpec, flagsFirst, parseFlags } from '#lib/cli/flags.ts'
import { describeFailure } from '#lib/errors.ts'
import { Keys } from '#lib/fleet/registry/keys.ts'
import { FLEET_VERSION } from '#lib/fleet/version.ts'
import { type Client, RequestError } from './client.ts'
import type { Command } from './command.ts'
import { LISTING_COMMANDS } from './commands/listing.ts'
import { LOOK_COMMANDS } from './commands/look.ts'
import { REMOTE_COMMANDS } from './commands/remote.ts'
import { RESTART_COMMANDS } from './commands/restart.ts'
import { STATE_COMMANDS } from './commands/state.ts'
import { ApiClient } from './drivers/api.ts'
import { RegistryClient } from './drivers/etcd.ts'
import { patientApi } from './drivers/patience.ts'
import { tracedApi, tracedStore } from './drivers/trace.ts'
import { versionBanner } from './drivers/version.ts'
import { commandHelp, programHelp } from './help.ts'
import { Failure, type Io } from './io.ts'
import { GLOBAL_FLAGS, readSettings, type Settings } from './settings.ts'

/** Wrong usage. */
const USAGE_STATUS = 2
const HELP_FLAG: FlagSpec = { names: ['help', 'h'], type: 'bool', usage: 'show this help' }

const VERSION_COMMAND: Command = {
  name: 'version',
  summary: 'Print the version and exit',
  usage: '',
  description: 'Prints the version of fleetctl.',
  async run({ io }) {
    io.out(`fleetctl version ${FLEET_VERSION}\n`)
    return 0
  },
}

const VERIFY_COMMAND: Command = {
  name: 'verify',
  summary: 'DEPRECATED - No longer works',
  usage: 'UNIT',
  description: 'Units are not signed any more.',
  hidden: true,
  async run({ io }) {
    io.err('DEPRECATED - The signed/verified units feature is DEPRECATED and cannot be used.\n')
    return USAGE_STATUS
  },
}

/** Every command, by name. */
export const COMMANDS: readonly Command[] = [
  ...LISTING_COMMANDS,
  ...LOOK_COMMANDS,
  ...REMOTE_COMMANDS,
  ...RESTART_COMMANDS,
  ...STATE_COMMANDS,
  VERSION_COMMAND,
  VERIFY_COMMAND,
].sort((a, b) => (a.name < b.name ? -1 : 1))

/**
 * Runs a command line.
 *
 * @param words without the name of the program
 * @returns the status of the process
 */
export async function runProgram(words: readonly string[], io: Io): Promise<number> {
  try {
    return await runWords(words, io)
  } catch (error) {
    if (error instanceof Failure) {
      if (error.message !== '') io.err(`${error.message}\n`)
      return error.status
    }
    const line = error instanceof RequestError ? error.message : describeFailure(error)
    if (line === undefined) throw error
    io.err(`${line}\n`)
    return 1
  }
}

async function runWords(words: readonly string[], io: Io): Promise<number> {
  const [first] = words
  if (first === '--version' || first === '-v') return await VERSION_COMMAND.run({ io } as never)
  const { name, before, after } = splitCommand(words)
  const wantsHelp = before.some(isHelp)
  if (name === undefined || name === 'help' || wantsHelp) {
    if (name === undefined && !wantsHelp) checkGlobals(before)
    return help(name === 'help' ? after[0] : undefined, io)
  }
  const command = findCommand(name)
  if (after.some((word, at) => isHelp(word) && !isPassedOn(command, after, at)))
    return show(commandHelp(command), io)
  const { flags, rest } = parse(command, [...before, ...after])
  const settings = await readSettings(flags, io)
  let client: Client | undefined
  const connect = async (): Promise<Client> => {
    client ??= await open(settings, io)
    return client
  }
  try {
    return await command.run({ flags, words: rest, settings, io, connect })
  } finally {
    client?.close()
  }
}

/** The cluster, through an API or by its registry. */
async function open(settings: Settings, io: Io): Promise<Client> {
  const { driver, keyPrefix, connect, isDebug } = settings
  if (driver === 'API') {
    const transport = await io.connect(connect)
    const traced = isDebug ? tracedApi(transport, io) : transport
    return new ApiClient(patientApi(traced, { io, timeoutMs: connect.timeoutMs }))
  }
  const store = await io.connectStore(connect)
  const client = new RegistryClient(isDebug ? tracedStore(store, io) : store, new Keys(keyPrefix), io.newId)
  try {
    io.err(versionBanner(await client.versions()))
  } catch (error) {
    client.close()
    throw error
  }
  return client
}

/** A line without a command shows the help, unless there is something wrong with what it does have. */
function checkGlobals(words: readonly string[]): void {
  try {
    parseFlags(GLOBAL_FLAGS, words)
  } catch (error) {
    if (!(error instanceof FlagError)) throw error
    throw new Failure(`${unknownFlag(error)}; run "fleetctl help" for the options there are`, USAGE_STATUS)
  }
}

/** The message of the flag parser in fleetctl's words. */
function unknownFlag({ message }: FlagError): string {
  return message.replace(/^flag provided but not defined: -/, 'unknown flag: --')
}

/** The first word that is neither a flag nor the value of one is the command. */
function splitCommand(words: readonly string[]): {
  name: string | undefined
  before: string[]
  after: string[]
} {
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!
    if (!word.startsWith('-') || word.length < 2)
      return { name: word, before: words.slice(0, at), after: words.slice(at + 1) }
    const spec = GLOBAL_FLAGS.find(({ names }) => names.includes(/^--?([^=]+)/.exec(word)?.[1] ?? ''))
    if (spec !== undefined && spec.type !== 'bool' && !word.includes('=')) at++
  }
  return { name: undefined, before: [...words], after: [] }
}

function findCommand(name: string): Command {
  const exact = COMMANDS.find(command => command.name === name)
  if (exact !== undefined) return exact
  const matching = COMMANDS.filter(command => command.hidden !== true && command.name.startsWith(name))
  if (matching.length === 1) return matching[0]!
  const hint =
    matching.length > 1
      ? `it may be ${matching.map(command => command.name).join(', ')}`
      : 'run "fleetctl help" for the commands there are'
  throw new Failure(`unknown command ${JSON.stringify(name)} for "fleetctl"; ${hint}`, USAGE_STATUS)
}

function parse(command: Command, words: readonly string[]): ReturnType<typeof parseFlags> {
  const specs = [...(command.flags ?? []), ...GLOBAL_FLAGS, HELP_FLAG]
  try {
    // Of a command that is run elsewhere, the flags are its own.
    if (command.passesOn === true) return parseFlags(specs, words)
    const parsed = parseFlags(specs, flagsFirst(specs, words))
    const stray = parsed.rest.find(word => /^--?[a-zA-Z]/.test(word))
    if (stray !== undefined) throw new FlagError(`unknown flag: ${stray}`)
    return parsed
  } catch (error) {
    if (!(error instanceof FlagError)) throw error
    throw new Failure(
      `${unknownFlag(error)}; run "fleetctl help ${command.name}" for its options`,
      USAGE_STATUS,
    )
  }
}

function isHelp(word: string): boolean {
  return ['--help', '-help', '-h', '--h'].includes(word)
}

/** Whether a word belongs to a command that is run elsewhere. */
function isPassedOn(command: Command, words: readonly string[], at: number): boolean {
  return command.passesOn === true && words.slice(0, at).some(word => word === '--' || !word.startsWith('-'))
}

function help(name: string | undefined, io: Io): number {
  return show(name === undefined ? programHelp(COMMANDS) : commandHelp(findCommand(name)), io)
}

function show(text: string, io: Io): number {
  io.out(text)
  return 0
}
