import { type ParseArgsOptionDescriptor, parseArgs } from 'node:util'
import { UserError } from '#lib/errors.ts'
import type { Progress } from '#lib/progress.ts'

/** A flag of a command, for parsing and for its help. */
export interface Flag {
  type: 'boolean' | 'string'
  short?: string
  /** What stands for the value in the help, such as `MIB`. */
  value?: string
  /** One line of help. */
  help: string
  default?: string
}

/** One command of `orlop`: what the help says and what is run. */
export interface Command {
  name: string
  /** One line for the list of commands. */
  summary: string
  /** What follows `orlop NAME` in the usage line, such as `[NAME] [--json]`. */
  usage: string
  flags: Record<string, Flag>
  /** How many operands are taken. */
  operands: { min: number; max: number }
  /** Command lines that can be pasted, each with what it does. */
  examples: [line: string, meaning: string][]
  run(parsed: Arguments, context: CliContext): Promise<number>
}

/** A command line after parsing. */
export interface Arguments {
  operands: string[]
  /** What follows a bare `--`, untouched; undefined when there was none. */
  rest: string[] | undefined
  text(flag: string): string | undefined
  /** Whether the command has such a flag at all. */
  has(flag: string): boolean
  set(flag: string): boolean
  /** A whole number within bounds, or undefined when the flag is not given. */
  count(flag: string, bounds: { min: number; max: number }): number | undefined
}

/** What a command gets from the world. */
export interface CliContext {
  /** The repository this command belongs to. */
  root: string
  /** Where finished images go: `ORLOP_OUT`, else `out/` in the repository. */
  out: string
  /** Answers, for people and pipes. Everything else (progress, notes) goes to stderr. */
  print(line: string): void
  progress: Progress
  /** Aborted by the first SIGINT or SIGTERM; the second one ends the process at once. */
  signal: AbortSignal
  /** True when a person looks at stdout and stdin. */
  interactive: boolean
}

/** The command line itself is wrong, as opposed to the work it asks for: exit status 2. */
export class UsageError extends UserError {}

/** Flags that every command has. */
export const COMMON_FLAGS: Record<string, Flag> = {
  help: { type: 'boolean', short: 'h', help: 'show this help' },
  quiet: { type: 'boolean', short: 'q', help: 'no progress, only answers and errors' },
}

/** Parses the arguments after the command's name. Errors say which flag and what it must be. */
export function parseCommandLine(command: Command, words: string[]): Arguments {
  const flags = { ...command.flags, ...COMMON_FLAGS }
  const cut = words.indexOf('--')
  const before = cut < 0 ? words : words.slice(0, cut)
  const { values, positionals } = parseStrict(command, flags, before)
  if (positionals.length < command.operands.min || positionals.length > command.operands.max) {
    throw new UsageError(
      `${command.name}: wrong number of operands`,
      `usage: orlop ${command.name} ${command.usage}`,
    )
  }
  const text = (flag: string) => {
    const value = values[flag] ?? flags[flag]?.default
    return typeof value === 'string' ? value : undefined
  }
  return {
    operands: positionals,
    rest: cut < 0 ? undefined : words.slice(cut + 1),
    text,
    has: flag => flag in flags,
    set: flag => values[flag] === true,
    count: (flag, bounds) => {
      const value = text(flag)
      if (value === undefined) return undefined
      const number = Number(value)
      if (/^\d+$/.test(value) && number >= bounds.min && number <= bounds.max) return number
      throw new UsageError(
        `${command.name}: --${flag} must be a whole number from ${bounds.min} to ${bounds.max}, not '${value}'`,
      )
    },
  }
}

function parseStrict(command: Command, flags: Record<string, Flag>, words: string[]) {
  const options: Record<string, ParseArgsOptionDescriptor> = {}
  for (const [name, flag] of Object.entries(flags)) {
    options[name] = flag.short === undefined ? { type: flag.type } : { type: flag.type, short: flag.short }
  }
  try {
    return parseArgs({ args: words, options, allowPositionals: true, strict: true })
  } catch (error) {
    // parseArgs' first sentence names the flag; the rest talks about positionals that look like flags.
    const sentence = error instanceof Error ? error.message.split('. ', 1)[0] : String(error)
    throw new UsageError(`${command.name}: ${sentence}`, `see orlop ${command.name} --help`)
  }
}

/** The help of one command. */
export function commandHelp(command: Command): string {
  const flags = Object.entries({ ...command.flags, ...COMMON_FLAGS }).map(([name, flag]) => {
    const head = `${flag.short ? `-${flag.short}, ` : '    '}--${name}${flag.type === 'string' ? ` ${flag.value ?? 'VALUE'}` : ''}`
    return `  ${head.padEnd(26)} ${flag.help}${flag.default ? ` (default ${flag.default})` : ''}`
  })
  const examples = command.examples.map(([line, meaning]) => `  ${line}\n      ${meaning}`)
  return [
    `orlop ${command.name}: ${command.summary}`,
    '',
    `usage: orlop ${command.name} ${command.usage}`.trimEnd(),
    '',
    'options:',
    ...flags,
    ...(examples.length > 0 ? ['', 'examples:', ...examples] : []),
  ].join('\n')
}
