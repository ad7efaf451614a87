import type { KeysResponse } from '#lib/etcd/types.ts'
import { boolFlag, type Call, type Command, intFlag } from '../command.ts'
import { type Connection, withClient } from '../connect.ts'
import { ExitCode, Failure, failure, messageOf } from '../exit.ts'
import { attempt, keyOf, print } from './keys.ts'

const AFTER = intFlag('after-index', 'show what happened after this index')

/** Commands that follow keys. */
export const WATCH_COMMANDS = {
  watch: {
    name: 'watch',
    usage: 'wait for a change of a key and show it',
    operands: '<key>',
    flags: [
      boolFlag('forever', 'go on until Ctrl-C', 'f'),
      AFTER,
      boolFlag('recursive', 'changes below the key too', 'r'),
    ],
    run: watch,
  },
  'exec-watch': {
    name: 'exec-watch',
    usage: 'run a program at each change of a key',
    operands: '<key> <command> [args...]',
    flags: [AFTER, boolFlag('recursive', 'changes below the key too', 'r')],
    separates: true,
    run: execWatch,
  },
} satisfies Record<string, Command>

function watch(call: Call): Promise<number> {
  return withClient(call, async connection => {
    const key = keyOf(call)
    const recursive = call.flags.on('recursive')
    return await follow(call, connection, key, async event => {
      if (event.node.dir) return undefined
      if (recursive) call.io.out(`[${event.action}] ${event.node.key}\n`)
      print(call, event)
      return call.flags.on('forever') ? undefined : ExitCode.success
    })
  })
}

function execWatch(call: Call): Promise<number> {
  return withClient(call, async connection => {
    const { key, command } = splitExec(call.words)
    const [file = '', ...words] = command
    return await follow(call, connection, key, async ({ action, node }) => {
      if (node.dir) {
        call.io.err(`Ignored dir ${node.key} change\n`)
        return undefined
      }
      const env = {
        ETCD_WATCH_ACTION: action,
        ETCD_WATCH_MODIFIED_INDEX: String(node.modifiedIndex),
        ETCD_WATCH_KEY: node.key,
        ETCD_WATCH_VALUE: node.value,
      }
      try {
        await call.io.start(file, words, env)
      } catch (error) {
        throw new Failure(ExitCode.badArguments, messageOf(error))
      }
      return undefined
    })
  })
}

/** Hands over each event until a status is given; an interrupt ends it with success. */
async function follow(
  call: Call,
  { client }: Connection,
  key: string,
  onEvent: (event: KeysResponse) => Promise<number | undefined>,
): Promise<number> {
  const interrupted = call.io.interrupt()
  const { flags } = call
  const watcher = client.keys.watch(key, {
    afterIndex: flags.number('after-index'),
    recursive: flags.on('recursive'),
  })
  try {
    for (;;) {
      const event = await attempt(() => watcher.next(interrupted))
      const status = await onEvent(event)
      if (status !== undefined) return status
    }
  } catch (error) {
    if (interrupted.aborted) return ExitCode.success
    throw error
  }
}

/**
 * `key -- command…`, as the original's help has it. Without `--` after the key the key is the last word; the
 * original's last versions see it so even with `--` unless a boolean flag stands right before the key, by a mistake.
 */
function splitExec(words: readonly string[]): { key: string; command: readonly string[] } {
  if (words.length < 2) throw failure(ExitCode.badArguments, 'key and command to exec required')
  const separator = words.indexOf('--', 1)
  if (separator < 0) return { key: words.at(-1)!, command: words.slice(0, -1) }
  return { key: words[0]!, command: words.slice(2) }
}
