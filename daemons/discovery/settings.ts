import { FlagError, type FlagSpec, parseFlags } from '#lib/cli/flags.ts'
import { describeFlags } from '#lib/cli/help.ts'
import { UserError } from '#lib/errors.ts'

/** What the discovery service is started with. */
export interface Settings {
  listen: { host: string; port: number }
  /** Before the token in what `/new` answers, without a slash at the end. */
  host: string
  endpoints: string[]
  prefix: string
  sizeMax: number
  newPerHourMax: number
  ttlSeconds: number
}

const TTL_DAYS = 30
const DAY_SECONDS = 86_400
const FLAGS: readonly FlagSpec[] = [
  { names: ['addr', 'a'], type: 'string', default: ':8087', usage: 'where it listens' },
  {
    names: ['host'],
    type: 'string',
    default: 'http://localhost:8087',
    usage: 'how members reach it: stands before the tokens that it gives out',
  },
  {
    names: ['etcd', 'e'],
    type: 'string',
    default: 'http://127.0.0.1:2379',
    usage: 'client URLs of the etcd that keeps the tokens, separated by commas',
  },
  { names: ['prefix'], type: 'string', default: '/_etcd/registry', usage: 'directory of the tokens' },
  { names: ['size-max'], type: 'uint', default: '9', usage: 'members that a token may be for' },
  { names: ['new-max'], type: 'uint', default: '60', usage: 'tokens that one address gets in an hour' },
  { names: ['ttl-days'], type: 'uint', default: String(TTL_DAYS), usage: 'days after which a token is gone' },
  { names: ['help', 'h'], type: 'bool', usage: '', hidden: true },
]
const VARIABLES: ReadonlyMap<string, string> = new Map([
  ['DISC_ADDR', 'addr'],
  ['DISC_HOST', 'host'],
  ['DISC_ETCD', 'etcd'],
])

const INTRODUCTION = `discovery: where members of a new etcd cluster find one another

usage: discovery [flags]

   discovery --host http://10.0.0.1:8087 --etcd http://127.0.0.1:2379
   curl 'http://10.0.0.1:8087/new?size=3'          gives the URL of a token
   etcd --discovery URL …                          on each of the three

Each flag of the first three may also be given as DISC_ADDR, DISC_HOST, DISC_ETCD.

flags:
`

/** The text of `--help`. */
export function helpText(): string {
  return `${INTRODUCTION}${describeFlags(FLAGS).join('\n')}\n`
}

/**
 * Reads the settings; undefined when help is wanted.
 *
 * @throws UserError
 */
export function readSettings(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Settings | undefined {
  try {
    const { flags, rest } = parseFlags(FLAGS, args)
    if (flags.on('help')) return undefined
    if (rest.length > 0) throw new UserError(`'${rest[0]}' is no flag`, 'see discovery --help')
    for (const [variable, name] of VARIABLES) {
      const value = env[variable] ?? ''
      if (value !== '' && !flags.given(name)) flags.set(name, value)
    }
    const sizeMax = flags.number('size-max')
    if (sizeMax < 1 || sizeMax > 100) throw new UserError('--size-max must be from 1 to 100')
    const prefix = `/${flags.text('prefix').replaceAll(/^\/+|\/+$/g, '')}`
    if (prefix === '/') throw new UserError('--prefix must name a directory')
    return {
      listen: parseListen(flags.text('addr')),
      host: bareUrl('host', flags.text('host')),
      endpoints: flags
        .text('etcd')
        .split(',')
        .map(url => bareUrl('etcd', url.trim())),
      prefix,
      sizeMax,
      newPerHourMax: flags.number('new-max'),
      ttlSeconds: flags.number('ttl-days') * DAY_SECONDS,
    }
  } catch (error) {
    if (error instanceof FlagError) throw new UserError(error.message, 'see discovery --help')
    throw error
  }
}

function parseListen(text: string): { host: string; port: number } {
  const [, host = '', port = ''] = /^(\[[^\]]*\]|[^:]*):(\d{1,5})$/.exec(text) ?? []
  if (port === '' || Number(port) > 65535) throw new UserError(`--addr: ${text} is not of the form host:port`)
  return { host: host.replace(/^\[|\]$/g, '') || '::', port: Number(port) }
}

function bareUrl(flag: string, text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.pathname !== '/' || url.search !== '')
    throw new UserError(
      `--${flag}: ${text} must be a URL without path and query, such as http://10.0.0.1:8087`,
    )
  return url.origin
}
