import { join } from 'node:path'
import { UserError } from '#lib/errors.ts'
import type { SwitchStatus } from '../vm/switch/control.ts'
import { SwitchClient } from '../vm/switch/host/client.ts'
import { type Arguments, type Command, UsageError } from './command.ts'
import { homeFolder } from './machines.ts'

const OPERANDS_MAX = 50
const ACTIONS = ['status', 'partition', 'cut', 'slow', 'heal'] as const

/** `orlop network`. */
export const networkCommand: Command = {
  name: 'network',
  summary: 'the switch between the machines, and faults in it',
  usage:
    '[status [--json] | partition NAME... -- NAME... | cut FROM TO | slow FROM TO [--delay MS] [--jitter MS] [--drop RATIO] | heal]',
  flags: {
    json: { type: 'boolean', help: 'all that the switch knows, as JSON' },
    delay: { type: 'string', value: 'MS', help: 'milliseconds that each frame takes longer' },
    jitter: { type: 'string', value: 'MS', help: 'up to so many more, different for each' },
    drop: { type: 'string', value: 'RATIO', help: 'share of frames that are lost, from 0 to 1' },
  },
  operands: { min: 0, max: OPERANDS_MAX },
  examples: [
    [
      'npm run orlop -- network partition core-01 -- core-02 core-03',
      'core-01 and the others hear nothing of each other',
    ],
    [
      'npm run orlop -- network cut core-01 core-02',
      'what core-01 sends to core-02 is lost, not the other way',
    ],
    [
      'npm run orlop -- network slow core-01 core-02 --delay 200 --drop 0.1',
      'that way is slow, and loses a tenth',
    ],
    ['npm run orlop -- network heal', 'all is well again'],
  ],
  async run(parsed, context) {
    const [action = 'status', ...names] = parsed.operands
    const client = await SwitchClient.open(join(homeFolder(), 'cluster', 'switch'))
    switch (action) {
      case 'status':
        expect(names.length === 0, 'status takes no names')
        for (const line of describe(await client.status(), parsed.set('json'))) context.print(line)
        return 0
      case 'partition': {
        const groups = groupsOf(names, parsed.rest)
        await client.partition(groups)
        context.print(`Parted: ${groups.map(group => group.join(' ')).join(' | ')}`)
        return 0
      }
      case 'cut':
        await client.cut(...way(names, 'cut'))
        context.print(`What ${names[0]} sends to ${names[1]} is lost.`)
        return 0
      case 'slow': {
        const [from, to] = way(names, 'slow')
        await client.link({ from, to, ...linkOf(parsed) })
        context.print(`The way from ${from} to ${to} is changed.`)
        return 0
      }
      case 'heal':
        expect(names.length === 0, 'heal takes no names')
        await client.heal()
        context.print('The network is whole.')
        return 0
      default:
        throw new UsageError(`network: there is no '${action}'; there are ${ACTIONS.join(', ')}`)
    }
  },
}

/** The groups of a partition: what stands before `--`, and what stands after each. */
export function groupsOf(first: readonly string[], rest: readonly string[] | undefined): string[][] {
  const groups: string[][] = [[...first]]
  if (rest !== undefined) groups.push([])
  for (const word of rest ?? [])
    if (word === '--') groups.push([])
    else groups.at(-1)!.push(word)
  expect(groups.length > 1 && groups.every(group => group.length > 0), 'partition needs NAME... -- NAME...')
  return groups
}

/** What the switch says of itself, for people or programs. */
export function describe(status: SwitchStatus, json: boolean): string[] {
  if (json) return [JSON.stringify(status)]
  const ports = Object.entries(status.ports).filter(([name]) => name in status.names)
  const width = Math.max(4, ...ports.map(([name]) => name.length))
  return [
    ...ports.map(
      ([name, { connected }]) =>
        `${name.padEnd(width)}  ${connected ? 'connected' : 'absent   '}  ${status.names[name]}`,
    ),
    ...faultLines(status.faults),
  ]
}

function faultLines({ groups, isolated, cuts, links }: SwitchStatus['faults']): string[] {
  return [
    ...(groups.length > 0 ? [`parted: ${groups.map(group => group.join(' ')).join(' | ')}`] : []),
    ...isolated.map(({ port, direction }) => `${port}: isolated, ${direction}`),
    ...cuts.map(({ from, to }) => `${from} to ${to}: cut`),
    ...links.map(
      ({ from, to, delayMs, jitterMs, dropRatio }) =>
        `${from} to ${to}: ${delayMs} ms, ${jitterMs} ms more or less, ${dropRatio * 100} % lost`,
    ),
  ]
}

function way(names: readonly string[], action: string): [string, string] {
  const [from, to] = names
  if (from === undefined || to === undefined || names.length > 2)
    throw new UsageError(`network: ${action} needs FROM TO`)
  return [from, to]
}

function linkOf(parsed: Arguments): { delayMs: number; jitterMs: number; dropRatio: number } {
  const number = (flag: string) => {
    const text = parsed.text(flag) ?? '0'
    if (/^\d+(\.\d+)?$/.test(text)) return Number(text)
    throw new UserError(`network: --${flag} must be a number, not '${text}'`)
  }
  return { delayMs: number('delay'), jitterMs: number('jitter'), dropRatio: number('drop') }
}

function expect(holds: boolean, message: string): void {
  if (!holds) throw new UsageError(`network: ${message}`)
}
