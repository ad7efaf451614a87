import type { FlagSpec } from '#lib/cli/flags.ts'
import type { UnitBody } from '#lib/fleet/shapes.ts'
import { nameFromArgument, splitName } from '#lib/fleet/unit/name.ts'
import type { Client } from '../client.ts'
import type { Context } from '../command.ts'
import { View } from '../view.ts'
import type { Late, Patience } from '../waits.ts'

/** Flags of commands that wait. */
export const WAITING: readonly FlagSpec[] = [
  { names: ['no-block'], type: 'bool', usage: 'do not wait' },
  {
    names: ['block-attempts'],
    type: 'int',
    default: '0',
    usage: 'wait so many times 2 seconds; 0 is as long as there is hope',
  },
]

/** Says that a command which needs units was given none. */
export function noUnits({ words, io }: Context): boolean {
  if (words.length === 0) io.err('No units given\n')
  return words.length === 0
}

/** Units that are named and exist, each once, in the order in which they were named. */
export async function findUnits({ words, io }: Context, client: Client): Promise<UnitBody[]> {
  const names = [...new Set(words.map(nameFromArgument))]
  const view = await View.of(client, names)
  const found = names.map(name => view.unit(name)).filter(unit => unit !== undefined)
  if (found.length === 0) io.err('Units not found in registry\n')
  return found
}

/** Units made of a template that the cluster has, by name. */
export async function instancesOf(client: Client, template: string): Promise<UnitBody[]> {
  const instances = (await client.units()).filter(({ name }) => {
    const parts = splitName(name)
    return parts.template === template && !parts.isTemplate
  })
  return instances.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Undefined for no waiting at all. */
export function patienceOf({ flags, io }: Context, client: Client): Patience | undefined {
  const attempts = flags.number('block-attempts')
  return flags.on('no-block') || attempts < 0 ? undefined : { io, client, attempts }
}

/** Tells of each unit that was waited for in vain; gives the sentence of the first, undefined when there is none. */
export function tellLate({ io }: Context, late: readonly Late[], what: string): string | undefined {
  const sentences = late.map(({ name, why }) => why || `timed out waiting for unit ${name} to ${what}`)
  for (const sentence of sentences) io.err(`Error waiting for units: ${sentence}\n`)
  return sentences[0]
}

/** So many requests are under way at once: a store writes many together as fast as one. */
const AT_ONCE_MAX = 16

/** Does something for each, several at a time, begun in order. The first failure lets no more begin. */
export async function atOnce<T>(items: Iterable<T>, work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items].reverse()
  const failures: unknown[] = []
  const worker = async (): Promise<void> => {
    while (failures.length === 0 && left.length > 0)
      await work(left.pop()!).catch((error: unknown) => void failures.push(error))
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE_MAX, left.length) }, worker))
  if (failures.length > 0) throw failures[0]
}

/** An error in one line. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
