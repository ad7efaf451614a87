import type { KeysResponse, WriteOptions } from '#lib/etcd/types.ts'
import { boolFlag, type Call, type Command, intFlag, textFlag } from '../command.ts'
import { type Connection, withClient } from '../connect.ts'
import { ExitCode, failure } from '../exit.ts'
import { renderListing, renderResponse } from '../format.ts'

const TTL = intFlag('ttl', 'life time in seconds')
const SORT = boolFlag('sort', 'sort what is listed')
const QUORUM = boolFlag('quorum', 'read through the leader, never stale', 'q')
const DASH = [
  "A value that begins with '-' may be taken for a flag.",
  "Put '--' before the words:",
  '',
  '$ set -- <key> <value>',
]

/** Commands that read and write keys and directories. */
export const KEY_COMMANDS = {
  mk: {
    name: 'mk',
    usage: 'make a key that does not exist yet',
    operands: '<key> <value>',
    description: DASH.with(3, '$ mk -- <key> <value>'),
    flags: [boolFlag('in-order', 'make a key with a name that grows, in the directory <key>'), TTL],
    run: call => writing(call, make, true),
  },
  mkdir: {
    name: 'mkdir',
    usage: 'make a directory that does not exist yet',
    operands: '<key>',
    flags: [TTL],
    run: call => writing(call, directory({ prevExist: false }), false),
  },
  rm: {
    name: 'rm',
    usage: 'remove a key, or a directory',
    operands: '<key>',
    flags: [
      boolFlag('dir', 'remove an empty directory too'),
      boolFlag('recursive', 'remove a directory and all below it', 'r'),
      textFlag('with-value', 'only if it has this value'),
      intFlag('with-index', 'only if it was last changed at this index'),
    ],
    run: call => removing(call, remove),
  },
  rmdir: {
    name: 'rmdir',
    usage: 'remove an empty directory, or a key',
    operands: '<key>',
    run: call =>
      removing(call, (key, _, { client, deadline }) => client.keys.delete(key, { dir: true }, deadline())),
  },
  get: { name: 'get', usage: 'show the value of a key', operands: '<key>', flags: [SORT, QUORUM], run: get },
  ls: {
    name: 'ls',
    usage: 'list a directory',
    operands: '[key]',
    flags: [
      SORT,
      boolFlag('recursive', 'list all below it', 'r'),
      boolFlag('p', 'mark directories with a slash'),
      QUORUM,
    ],
    run: list,
  },
  set: {
    name: 'set',
    usage: 'set the value of a key',
    operands: '<key> <value>',
    description: DASH,
    flags: [
      TTL,
      textFlag('swap-with-value', 'only if it has this value now'),
      intFlag('swap-with-index', 'only if it was last changed at this index'),
    ],
    run: call => writing(call, set, true),
  },
  setdir: {
    name: 'setdir',
    usage: 'make a directory, or give one a life time',
    operands: '<key>',
    flags: [TTL],
    run: call => writing(call, directory({}), false),
  },
  update: {
    name: 'update',
    usage: 'change the value of a key that exists',
    operands: '<key> <value>',
    description: DASH.with(3, '$ update -- <key> <value>'),
    flags: [TTL],
    run: call => writing(call, update, true),
  },
  updatedir: {
    name: 'updatedir',
    usage: 'give a directory that exists a life time',
    operands: '<key>',
    flags: [TTL],
    run: call => writing(call, directory({ prevExist: true }), false),
  },
} satisfies Record<string, Command>

type Write = (key: string, value: string, call: Call, connection: Connection) => Promise<KeysResponse>
type Remove = (key: string, call: Call, connection: Connection) => Promise<KeysResponse>

const make: Write = (key, value, { flags }, { client, deadline }) => {
  const ttlSeconds = flags.number('ttl')
  return flags.on('in-order')
    ? client.keys.createInOrder(key, value, ttlSeconds, deadline())
    : client.keys.create(key, value, { ttlSeconds }, deadline())
}

const set: Write = (key, value, { flags }, { client, deadline }) => {
  const options = {
    ttlSeconds: flags.number('ttl'),
    prevValue: flags.text('swap-with-value'),
    prevIndex: indexFlag(flags.number('swap-with-index')),
  }
  return client.keys.set(key, value, options, deadline())
}

const update: Write = (key, value, { flags }, { client, deadline }) =>
  client.keys.update(key, value, { ttlSeconds: flags.number('ttl') }, deadline())

function directory(options: WriteOptions): Write {
  return (key, _, { flags }, { client, deadline }) =>
    client.keys.set(key, '', { ...options, dir: true, ttlSeconds: flags.number('ttl') }, deadline())
}

const remove: Remove = (key, { flags }, { client, deadline }) => {
  const options = {
    dir: flags.on('dir'),
    recursive: flags.on('recursive'),
    prevValue: flags.text('with-value'),
    prevIndex: indexFlag(flags.number('with-index')),
  }
  return client.keys.delete(key, options, deadline())
}

/** Writes what the words say; a directory has no value and shows nothing in the simple format. */
function writing(call: Call, write: Write, withValue: boolean): Promise<number> {
  return withClient(call, async connection => {
    const key = keyOf(call)
    const value = withValue ? await wantedValue(call) : ''
    const response = await attempt(() => write(key, value, call, connection))
    if (withValue || call.settings.output !== 'simple') print(call, response)
    return ExitCode.success
  })
}

function removing(call: Call, work: Remove): Promise<number> {
  return withClient(call, async connection => {
    const key = keyOf(call)
    const response = await attempt(() => work(key, call, connection))
    if (!response.node.dir || call.settings.output !== 'simple') print(call, response)
    return ExitCode.success
  })
}

function get(call: Call): Promise<number> {
  return withClient(call, async ({ client, deadline }) => {
    const key = keyOf(call)
    const { flags, io } = call
    const options = { sorted: flags.on('sort'), quorum: flags.on('quorum') }
    const response = await attempt(() => client.keys.get(key, options, deadline()))
    if (response.node.dir) {
      io.err(`${response.node.key}: is a directory\n`)
      return ExitCode.badArguments
    }
    print(call, response)
    return ExitCode.success
  })
}

function list(call: Call): Promise<number> {
  return withClient(call, async ({ client, deadline }) => {
    const { flags, io, settings, words } = call
    const options = { sorted: flags.on('sort'), recursive: flags.on('recursive'), quorum: flags.on('quorum') }
    const response = await attempt(() => client.keys.get(words[0] ?? '/', options, deadline()))
    if (settings.output === 'simple') io.out(renderListing(response, flags.on('p')))
    else print(call, response)
    return ExitCode.success
  })
}

/** The key that a command is about. @throws Failure without one */
export function keyOf({ words }: Call): string {
  const key = words[0]
  if (key === undefined) throw failure(ExitCode.badArguments, 'key required')
  return key
}

/** Shows an answer in the format asked for. */
export function print({ io, settings }: Call, response: KeysResponse): void {
  const { out, err } = renderResponse(response, settings.output)
  if (out !== '') io.out(out)
  if (err !== '') io.err(err)
}

/** Whatever the cluster refuses or cannot do is status 4. */
export async function attempt<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw failure(ExitCode.serverError, error)
  }
}

/** The value from the command line, or from standard input when it is left out. */
async function wantedValue({ words, io }: Call): Promise<string> {
  const value = words[1] ?? (await io.readInput())
  if (words.length < 2 && value === '') throw failure(ExitCode.badArguments, 'value required')
  return value
}

/** Negative indexes match none, as the server says itself of a number that no index reaches. */
function indexFlag(index: number): number {
  return index < 0 ? Number.MAX_SAFE_INTEGER : index
}
