import { FlagError, Flags, parseFlags } from '#lib/cli/flags.ts'
import { UserError } from '#lib/errors.ts'
import { buildConfig } from './build.ts'
import type { Notice, Start } from './config.ts'
import { flagsOfFile } from './file.ts'
import { FLAGS, IGNORED, OLD_NAMES } from './flags.ts'
import { helpText, versionText } from './help.ts'
import { idleNotices, riskNotices } from './idle.ts'

/** A configuration file as YAML has it. */
export interface ConfigFile {
  path: string
  value: unknown
}

/** Variables that begin with ETCD_ and are none of ours: of the program that clients use, and of units. */
const FOREIGN = /^ETCD_(VERSION|UNSUPPORTED_ARCH)$/

/**
 * The file that a command line or the environment names, or undefined. Flags that are wrong are no matter here.
 */
export function findConfigFile(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  try {
    const { flags } = parseFlags(FLAGS, args)
    if (flags.on('help') || flags.on('version')) return undefined
    const given = flags.text('config-file')
    return (given === '' ? env['ETCD_CONFIG_FILE'] : given) || undefined
  } catch {
    return undefined
  }
}

/**
 * Reads settings: those of a file alone when there is one, else flags, then environment, then defaults.
 *
 * @param runtime what the program runs on, for `--version`
 */
export function readStart(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  file: ConfigFile | undefined,
  runtime: string,
): Start {
  let flags: Flags
  let rest: readonly string[]
  try {
    const parsed = parseFlags(FLAGS, args)
    flags = parsed.flags
    rest = parsed.rest
  } catch (error) {
    if (error instanceof FlagError) return end(2, '', `${error.message}\nsee 'etcd --help'\n`)
    throw error
  }
  if (flags.on('help')) return end(0, helpText(), '')
  if (flags.on('version')) return end(0, versionText(runtime), '')
  const notices: Notice[] = []
  try {
    if (rest.length > 0) throw new UserError(`'${rest[0]}' is not a valid flag`)
    if (file === undefined) addEnvironment(flags, env, notices)
    else flags = readFile(file, notices)
    addOldNames(flags, notices)
    const config = buildConfig(flags)
    notices.push(...idleNotices(flags), ...riskNotices(config))
    return { kind: 'run', config, notices }
  } catch (error) {
    if (error instanceof ConflictError) return end(1, '', `${error.message}\n`)
    if (!(error instanceof UserError || error instanceof FlagError)) throw error
    const hint = error instanceof UserError && error.hint !== undefined ? `; ${error.hint}` : ''
    return end(1, '', `error verifying flags, ${error.message}${hint}. See 'etcd --help'.\n`)
  }
}

class ConflictError extends UserError {}

function addEnvironment(
  flags: Flags,
  env: Readonly<Record<string, string | undefined>>,
  notices: Notice[],
): void {
  for (const variable of Object.keys(env).toSorted()) {
    const value = env[variable]
    if (!variable.startsWith('ETCD_') || value === undefined || value === '') continue
    if (FOREIGN.test(variable)) continue
    const name = variable.slice('ETCD_'.length).toLowerCase().replaceAll('_', '-')
    if (flags.find(name) === undefined) {
      note(notices, 'warn', `unrecognized environment variable ${variable}=${value}`)
      continue
    }
    if (flags.given(name))
      throw new ConflictError(
        `conflicting environment variable "${variable}" is shadowed by corresponding command-line flag (either unset environment variable or disable flag)`,
      )
    note(notices, 'info', `recognized and used environment variable ${variable}=${value}`)
    try {
      flags.set(name, value)
    } catch (error) {
      if (!(error instanceof FlagError)) throw error
      throw new FlagError(`invalid value ${JSON.stringify(value)} for ${variable}: parse error`)
    }
  }
}

function readFile({ path, value }: ConfigFile, notices: Notice[]): Flags {
  const others =
    'Other configuration command line flags and environment variables will be ignored if provided.'
  notices.push({
    level: 'info',
    from: 'etcdmain',
    text: `Loading server configuration from ${JSON.stringify(path)}. ${others}`,
  })
  const flags = new Flags(FLAGS)
  for (const [name, text] of flagsOfFile(value, path)) flags.set(name, text)
  return flags
}

/** Flags of old versions set those that have taken their place. */
function addOldNames(flags: Flags, notices: Notice[]): void {
  for (const [old, name] of OLD_NAMES) {
    if (!flags.given(old)) continue
    if (flags.given(name)) throw new UserError(`cannot set both --${old} and --${name}`, `use --${name} only`)
    flags.set(name, `http://${flags.text(old)}`)
    note(notices, 'warn', `--${old} is of an old version; use --${name}`)
  }
  for (const [old, ca, demand] of [
    ['ca-file', 'trusted-ca-file', 'client-cert-auth'],
    ['peer-ca-file', 'peer-trusted-ca-file', 'peer-client-cert-auth'],
  ] as const) {
    if (!flags.given(old) || flags.text(old) === '') continue
    flags.set(ca, flags.text(old))
    flags.set(demand, 'true')
    note(notices, 'warn', `--${old} is of an old version; use --${ca} and --${demand}`)
  }
  for (const name of IGNORED.keys())
    if (flags.given(name)) note(notices, 'warn', `--${name} is of an old version and has no effect`)
}

function note(notices: Notice[], level: 'info' | 'warn', text: string): void {
  notices.push({ level, from: 'pkg/flags', text })
}

function end(status: number, out: string, err: string): Start {
  return { kind: 'end', status, out, err }
}
