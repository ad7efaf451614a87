import type { FlagSpec } from '#lib/cli/flags.ts'
import { columns, describeFlags } from '#lib/cli/help.ts'
import type { Command } from './command.ts'

/** Asks for help, with every command. */
export const HELP_FLAG: FlagSpec = { names: ['help', 'h'], type: 'bool', usage: 'show help' }
/** Asks for the version. */
export const VERSION_FLAG: FlagSpec = { names: ['version', 'v'], type: 'bool', usage: 'print the version' }

/** The help of the program. */
export function programHelp(
  commands: readonly Command[],
  globals: readonly FlagSpec[],
  version: string,
): string {
  const rows = [...commands.map(({ name, usage }) => [name, usage] as const), HELP_ROW]
  return sections([
    ['NAME', ['   etcdctl - a command line for etcd.']],
    ['USAGE', ['   etcdctl [global options] command [command options] [arguments...]']],
    ['VERSION', [`   ${version}`]],
    ['COMMANDS', columns(rows)],
    ['GLOBAL OPTIONS', describeFlags([...globals, HELP_FLAG, VERSION_FLAG])],
  ])
}

/** The help of one command, or of a group. */
export function commandHelp(path: string, command: Command): string {
  const { usage, operands, description, flags = [], commands } = command
  const options = flags.length > 0 ? ' [command options]' : ''
  const synopsis =
    commands === undefined
      ? `${options}${operands === undefined ? '' : ` ${operands}`}`
      : ' command [command options] [arguments...]'
  const blocks: [string, string[]][] = [
    ['NAME', [`   ${path} - ${usage}`]],
    ['USAGE', [`   ${path}${synopsis}`]],
  ]
  if (description !== undefined) blocks.push(['DESCRIPTION', description.map(line => `   ${line}`.trimEnd())])
  if (commands !== undefined) {
    blocks.push(['COMMANDS', columns(commands.map(item => [item.name, item.usage] as const))])
    blocks.push(['OPTIONS', describeFlags([HELP_FLAG])])
  } else if (flags.length > 0) blocks.push(['OPTIONS', describeFlags(flags)])
  return sections(blocks)
}

const HELP_ROW = ['help, h', 'list the commands, or show the help of one'] as const

function sections(blocks: readonly (readonly [string, readonly string[]])[]): string {
  return blocks.map(([title, lines]) => `${title}:\n${lines.join('\n')}\n`).join('\n')
}
