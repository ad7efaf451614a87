import { FlagError, type FlagSpec, parseFlags } from '#lib/cli/flags.ts'
import { describeFlags } from '#lib/cli/help.ts'
import { readSourceFlags, SOURCE_FLAGS } from './source/flags.ts'
import type { Explicit } from './source/source.ts'

/** What is done with a configuration. */
export type Mode = 'apply' | 'validate' | 'dry-run' | 'convert'

/** What the program was called for. */
export interface Settings {
  mode: Mode
  /** Where the configuration is; empty: the machine is looked at. */
  explicit: Explicit[]
  /** Whether it is read from the standard input. */
  input: boolean
  /** At which point of a boot it runs: before there is a network, or when there is; undefined: by somebody's hand. */
  boot: 'local' | 'network' | undefined
  /** The language that it is converted to. */
  convert: 'ignition' | 'butane' | undefined
  /** Whose files a Butane configuration may name. */
  filesFolder: string | undefined
  /** Where it keeps what it has to remember. */
  workspace: string
  /** The name of the set of keys of user data. */
  sshKeyName: string
  /** Whether a failure does not show in the status. */
  ignoreFailure: boolean
  json: boolean
}

/** What to do instead of running. */
export type Call = { kind: 'run'; settings: Settings } | { kind: 'help' } | { kind: 'version' }

const FLAGS: readonly FlagSpec[] = [
  ...SOURCE_FLAGS,
  {
    names: ['validate'],
    type: 'bool',
    usage: 'reports what is wrong, line by line; status 1 when anything is',
  },
  { names: ['dry-run'], type: 'bool', usage: 'prints what would be done' },
  { names: ['convert'], type: 'string', placeholder: 'LANGUAGE', usage: 'prints it as ignition or butane' },
  {
    names: ['files-dir'],
    type: 'string',
    placeholder: 'DIR',
    usage: 'folder of the files that a Butane configuration names (local:, trees:)',
  },
  { names: ['json'], type: 'bool', usage: 'prints reports and plans as JSON' },
  { names: ['boot'], type: 'string', usage: '', hidden: true },
  {
    names: ['workspace'],
    type: 'string',
    placeholder: 'DIR',
    default: '/var/lib/coreos-cloudinit',
    usage: 'where scripts are kept, and what was applied',
  },
  {
    names: ['ssh-key-name'],
    type: 'string',
    placeholder: 'NAME',
    default: 'coreos-cloudinit',
    usage: 'name of the set of keys',
  },
  { names: ['ignore-failure'], type: 'bool', usage: 'ends with status 0 whatever happens' },
  { names: ['version'], type: 'bool', usage: 'prints the version' },
  { names: ['help', 'h'], type: 'bool', usage: '', hidden: true },
]

const INTRODUCTION = `coreos-cloudinit: configures a machine by cloud-config, Ignition, Butane or a script

usage: coreos-cloudinit [flags] [FILE]

   coreos-cloudinit --validate user-data           what is wrong with it
   coreos-cloudinit --dry-run user-data            what it would do
   coreos-cloudinit --convert butane user-data     the same in another language
   sudo coreos-cloudinit --from-file user-data     does it

A machine does all of it by itself at every boot. FILE stands for --from-file FILE with the first three; - is
the standard input.

flags:
`

/** The text of `--help`. */
export function helpText(): string {
  return `${INTRODUCTION}${describeFlags(FLAGS).join('\n')}\n`
}

/**
 * Reads the command line.
 *
 * @throws FlagError
 */
export function readSettings(words: readonly string[]): Call {
  const { flags, rest } = parseFlags(FLAGS, words)
  if (flags.on('help')) return { kind: 'help' }
  if (flags.on('version')) return { kind: 'version' }
  const { explicit } = readSourceFlags(flags)
  const convert = flags.text('convert')
  if (convert !== '' && convert !== 'ignition' && convert !== 'butane')
    throw new FlagError(`-convert ${convert}: must be ignition or butane`)
  const boot = flags.text('boot')
  if (boot !== '' && boot !== 'local' && boot !== 'network')
    throw new FlagError(`-boot ${boot}: must be local or network`)
  const modes: Mode[] = []
  if (flags.on('validate')) modes.push('validate')
  if (flags.on('dry-run')) modes.push('dry-run')
  if (convert !== '') modes.push('convert')
  if (modes.length > 1) throw new FlagError(`-${modes[0]} and -${modes[1]}: only one at a time`)
  const mode = modes[0] ?? 'apply'
  const [file, ...more] = rest
  if (more.length > 0) throw new FlagError(`one FILE at a time, not also '${more[0]}'`)
  if (file !== undefined && mode === 'apply')
    throw new FlagError(`'${file}' is no flag; to apply a file say -from-file=${file}`)
  if (file !== undefined && file !== '-') explicit.push({ kind: 'file', argument: file })
  const settings: Settings = {
    mode,
    explicit,
    input: file === '-',
    boot: boot === '' ? undefined : boot,
    convert: convert === '' ? undefined : convert,
    filesFolder: flags.text('files-dir') || undefined,
    workspace: flags.text('workspace'),
    sshKeyName: flags.text('ssh-key-name'),
    ignoreFailure: flags.on('ignore-failure'),
    json: flags.on('json'),
  }
  return { kind: 'run', settings }
}
