import type { FlagSpec } from '#lib/cli/flags.ts'
import { describeFlags } from '#lib/cli/help.ts'
import { FLEET_VERSION } from '#lib/fleet/version.ts'
import type { Command } from './command.ts'
import { GLOBAL_FLAGS } from './settings.ts'
import { tabulate } from './table.ts'

/** Help of the program: sections, their bodies indented by a tab. */
export function programHelp(commands: readonly Command[]): string {
  const listed = commands.filter(({ hidden }) => hidden !== true)
  const rows = listed.map(({ name, summary }) => [name, summary])
  return sections([
    ['NAME', ['fleetctl - run units somewhere in the cluster']],
    ['USAGE', ['fleetctl [global options] <command> [command options] [arguments...]']],
    ['VERSION', [FLEET_VERSION]],
    ['COMMANDS', tabulate(rows).trimEnd().split('\n')],
    ['GLOBAL OPTIONS', flagLines(GLOBAL_FLAGS)],
    [
      '',
      [
        'Global options can also be set by the environment: --endpoint by FLEETCTL_ENDPOINT, and so on.',
        'Run "fleetctl help <command>" for more about a command.',
      ],
    ],
  ])
}

/** Help of a command. */
export function commandHelp(command: Command): string {
  return sections([
    ['NAME', [`fleetctl ${command.name} - ${command.summary}`]],
    ['USAGE', [`fleetctl ${command.name} [options] ${command.usage}`.trimEnd()]],
    ['DESCRIPTION', command.description.trim().split('\n')],
    ['OPTIONS', flagLines(command.flags ?? [])],
    ['GLOBAL OPTIONS', flagLines(GLOBAL_FLAGS)],
  ])
}

function sections(parts: readonly (readonly [title: string, lines: readonly string[]])[]): string {
  return parts
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => {
      const head = title === '' ? '' : `${title}:\n`
      return (
        head + lines.map(line => (line === '' ? '\n' : title === '' ? `${line}\n` : `\t${line}\n`)).join('')
      )
    })
    .join('\n')
}

function flagLines(specs: readonly FlagSpec[]): string[] {
  return describeFlags(specs).map(line => line.trim())
}
