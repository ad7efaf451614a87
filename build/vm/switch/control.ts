import { UserError } from '#lib/errors.ts'
import type { Counters } from './fabric.ts'
import type { Direction, FaultState, LinkRule } from './faults.ts'
import { checkAddress, checkPortName, fieldsOf, show } from './settings.ts'

/** What a switch is asked to do: one line of JSON each. */
export type Request =
  | { do: 'status' }
  | { do: 'partition'; groups: string[][] }
  | { do: 'isolate'; port: string; direction: Direction }
  | { do: 'cut'; from: string; to: string }
  | ({ do: 'link' } & LinkRule)
  | { do: 'heal' }
  | { do: 'add'; port: string; address?: string }
  | { do: 'remove'; port: string }
  | { do: 'stop' }

/** A port, and who is connected to it. */
export interface PortStatus extends Counters {
  connected: boolean
  /** How often somebody connected. */
  connections: number
  /** Why the last connection ended. */
  lastEnd?: string
  /** What waits to be written to the machine. */
  queued: { frames: number; bytes: number }
}

/** What a switch says of itself. */
export interface SwitchStatus {
  version: 1
  /** Number of its process. */
  pid: number
  upMs: number
  /** Where the host answers. */
  address: string
  domain: string
  /** Names and addresses that the host knows. */
  names: Record<string, string>
  /** By name; `@host` is the host itself. */
  ports: Record<string, PortStatus>
  faults: FaultState
  /** Which card was seen behind which port, and how long ago. */
  addresses: { mac: string; port: string; ageMs: number }[]
}

/** A request, and an answer but that of `status`, are far smaller. */
export const LINE_BYTES_MAX = 64 * 1024
/** Longest delay and jitter of a link. */
export const DELAY_MAX_MS = 60_000

const DIRECTIONS: readonly Direction[] = ['both', 'in', 'out']

/**
 * Reads a request.
 *
 * @throws UserError saying what is wrong with it
 */
export function parseRequest(line: string): Request {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    throw new UserError(`not JSON: ${show(line)}`)
  }
  const fields = fieldsOf(value, 'a request')
  const { do: name } = fields
  const parse = typeof name === 'string' && Object.hasOwn(PARSERS, name) ? PARSERS[name] : undefined
  if (parse === undefined)
    throw new UserError(`do is ${show(name)}, must be one of ${Object.keys(PARSERS).join(', ')}`)
  const unused = new Set(Object.keys(fields))
  const request = parse(key => {
    unused.delete(key)
    return fields[key]
  })
  unused.delete('do')
  const [unknown] = unused
  if (unknown !== undefined) throw new UserError(`${request.do} knows no ${show(unknown)}`)
  return request
}

/**
 * Ports that a request speaks of as there, for a check against those that are.
 *
 * @throws never
 */
export function portsOf(request: Request): string[] {
  if (request.do === 'partition') return request.groups.flat()
  if (request.do === 'cut' || request.do === 'link') return [request.from, request.to]
  return request.do === 'isolate' || request.do === 'remove' ? [request.port] : []
}

const PARSERS: Record<string, (get: (key: string) => unknown) => Request> = {
  status: () => ({ do: 'status' }),
  partition: get => ({ do: 'partition', groups: checkGroups(get('groups')) }),
  isolate: get => ({
    do: 'isolate',
    port: checkText('port', get('port')),
    direction: checkDirection(get('direction')),
  }),
  cut: get => ({ do: 'cut', ...checkWay(get) }),
  link: get => ({
    do: 'link',
    ...checkWay(get),
    delayMs: checkNumber('delayMs', get('delayMs'), DELAY_MAX_MS),
    jitterMs: checkNumber('jitterMs', get('jitterMs'), DELAY_MAX_MS),
    dropRatio: checkNumber('dropRatio', get('dropRatio'), 1),
  }),
  heal: () => ({ do: 'heal' }),
  add: get => {
    const address = get('address')
    const port = checkPortName(get('port'))
    return { do: 'add', port, ...(address === undefined ? {} : { address: checkAddress(address) }) }
  },
  remove: get => ({ do: 'remove', port: checkPortName(get('port')) }),
  stop: () => ({ do: 'stop' }),
}

function checkGroups(value: unknown): string[][] {
  if (!Array.isArray(value) || value.length < 2) throw new UserError('groups must be a list of at least two')
  const groups = value.map(group => {
    if (!Array.isArray(group) || group.length === 0)
      throw new UserError('each of groups must be a list of at least one port')
    return group.map(port => checkText('a port of groups', port))
  })
  const all = groups.flat()
  const twice = all.find((port, index) => all.indexOf(port) !== index)
  if (twice !== undefined) throw new UserError(`${show(twice)} is in groups twice`)
  return groups
}

function checkWay(get: (key: string) => unknown): { from: string; to: string } {
  const [from, to] = [checkText('from', get('from')), checkText('to', get('to'))]
  if (from === to) throw new UserError(`from and to are both ${show(from)}`)
  return { from, to }
}

function checkText(name: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value
  throw new UserError(`${name} is ${show(value)}, must be a text`)
}

function checkDirection(value: unknown): Direction {
  const direction = DIRECTIONS.find(one => one === (value ?? 'both'))
  if (direction !== undefined) return direction
  throw new UserError(`direction is ${show(value)}, must be one of ${DIRECTIONS.join(', ')}`)
}

function checkNumber(name: string, value: unknown, max: number): number {
  if (value === undefined) return 0
  if (typeof value === 'number' && value >= 0 && value <= max) return value
  throw new UserError(`${name} is ${show(value)}, must be a number from 0 to ${max}`)
}
