import { FlagError, type FlagSpec, type Flags, flagsFirst, parseFlags } from '#lib/cli/flags.ts'
import type { Command } from './command.ts'
import { AUTH_COMMANDS, ROLE_COMMANDS, USER_COMMANDS } from './commands/auth.ts'
import { BACKUP_COMMAND } from './commands/backup.ts'
import { HEALTH_COMMAND } from './commands/health.ts'
import { KEY_COMMANDS } from './commands/keys.ts'
import { MEMBER_COMMANDS } from './commands/members.ts'
import { WATCH_COMMANDS } from './commands/watch.ts'
import { ExitCode, Failure } from './exit.ts'
import { commandHelp, HELP_FLAG, programHelp, VERSION_FLAG } from './help.ts'
import type { Io } from './io.ts'
import { GLOBAL_FLAGS, readSettings } from './settings.ts'

/** The version of the API that the original's 3.4 has, so that tools which compare it go on. */
export const VERSION = '3.4.23'

const { mk, mkdir, rm, rmdir, get, ls, set, setdir, update, updatedir } = KEY_COMMANDS
const KEYS: readonly Command[] = [mk, mkdir, rm, rmdir, get, ls, set, setdir, update, updatedir]
const WATCHES: readonly Command[] = [WATCH_COMMANDS.watch, WATCH_COMMANDS['exec-watch']]
/** Every command, in the order of the help. */
export const COMMANDS: readonly Command[] = [
  BACKUP_COMMAND,
  HEALTH_COMMAND,
  ...KEYS,
  ...WATCHES,
  MEMBER_COMMANDS,
  USER_COMMANDS,
  ROLE_COMMANDS,
  AUTH_COMMANDS,
]

/**
 * Runs a command line.
 *
 * @param words without the name of the program
 * @returns the status of the program
 */
export async function runProgram(words: readonly string[], io: Io): Promise<number> {
  try {
    return await runGlobal(words, io)
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    io.err(error.text)
    return error.code
  }
}

async function runGlobal(words: readonly string[], io: Io): Promise<number> {
  const help = programHelp(COMMANDS, GLOBAL_FLAGS, VERSION)
  const { flags, rest } = parseOr(
    help,
    'Incorrect Usage. ',
    [...GLOBAL_FLAGS, HELP_FLAG, VERSION_FLAG],
    words,
    io,
  )
  if (flags.on('help')) return show(help, io)
  if (flags.on('version')) return show(`etcdctl version: ${VERSION}\nAPI version: 2\n`, io)
  const [name, ...others] = rest
  if (name === undefined) return show(help, io)
  if (name === 'help' || name === 'h') return helpOn(others[0], COMMANDS, 'etcdctl', help, io)
  return await runCommand(findCommand(COMMANDS, name), `etcdctl ${name}`, others, flags, io)
}

async function runCommand(
  command: Command,
  path: string,
  words: readonly string[],
  globals: Flags,
  io: Io,
): Promise<number> {
  const help = commandHelp(path, command)
  if (command.commands !== undefined) {
    const { flags, rest } = parseOr(help, 'Incorrect Usage. ', [HELP_FLAG], words, io)
    const [name, ...others] = rest
    if (flags.on('help') || name === undefined) return show(help, io)
    if (name === 'help' || name === 'h') return helpOn(others[0], command.commands, path, help, io)
    return await runCommand(findCommand(command.commands, name), `${path} ${name}`, others, globals, io)
  }
  const specs = [...(command.flags ?? []), HELP_FLAG]
  const ordered = flagsFirst(specs, words, command.separates === true ? 'kept' : 'first')
  const { flags, rest } = parseOr(help, 'Incorrect Usage: ', specs, ordered, io)
  if (flags.on('help')) return show(help, io)
  if (command.run === undefined) throw new Error(`${path} does nothing`)
  return await command.run({ flags, words: rest, settings: readSettings(globals, io.env), io })
}

/** Parses flags; a wrong one is named with the help on stdout and once more on stderr. */
function parseOr(
  help: string,
  title: string,
  specs: readonly FlagSpec[],
  words: readonly string[],
  io: Io,
): { flags: Flags; rest: string[] } {
  try {
    const parsed = parseFlags(specs, words)
    const twice = parsed.flags.twice()
    if (twice === undefined) return parsed
    const message = `Cannot use two forms of the same flag: ${twice.join(' ')}`
    // The original puts a title and an empty line in between for a command, and neither for the program.
    io.out(title.endsWith(': ') ? `${title}${message}\n\n${help}` : `${message}\n${help}`)
    throw new Failure(ExitCode.badArguments, `${message}\n`)
  } catch (error) {
    if (!(error instanceof FlagError)) throw error
    io.out(`${title}${error.message}\n\n${help}`)
    throw new Failure(ExitCode.badArguments, `${error.message}\n`)
  }
}

function helpOn(
  name: string | undefined,
  commands: readonly Command[],
  path: string,
  help: string,
  io: Io,
): number {
  return show(name === undefined ? help : commandHelp(`${path} ${name}`, findCommand(commands, name)), io)
}

function findCommand(commands: readonly Command[], name: string): Command {
  const command = commands.find(candidate => candidate.name === name)
  if (command === undefined) throw new Failure(ExitCode.unknownCommand, `No help topic for '${name}'\n`)
  return command
}

function show(text: string, io: Io): number {
  io.out(text)
  return ExitCode.success
}
