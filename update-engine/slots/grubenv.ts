import { UserError } from '#lib/errors.ts'
import { isTries, type Slot, type SlotName, type SlotState, slotState } from './state.ts'

/** Size of GRUB's environment block; GRUB refuses any other. */
export const BLOCK_BYTES = 1024

/**
 * Our variables come first and stay within the first sector, so that one atomic sector write changes them all: a
 * power cut leaves the old state or the new one.
 */
export const ATOMIC_BYTES = 512

const HEADER = '# GRUB Environment Block\n'
/** Beyond this a stray block could make a reader run away; GRUB itself has no bound but the block. */
const VARIABLES_MAX = 100

/** Name and value pairs of a block, in their order. */
export type Environment = Map<string, string>

/**
 * Decodes an environment block as GRUB's loadenv writes it: header, `name=value` lines in which a backslash takes
 * the next character literally, `#` to the end.
 *
 * @throws UserError saying what is wrong with the block
 */
export function decodeEnvironment(block: Uint8Array): Environment {
  if (block.length !== BLOCK_BYTES) throw broken(`it has ${block.length} bytes instead of ${BLOCK_BYTES}`)
  const text = Buffer.from(block).toString('latin1')
  if (!text.startsWith(HEADER)) throw broken('its header is missing')
  const environment: Environment = new Map()
  let at = HEADER.length
  while (at < text.length && text[at] !== '#') {
    const end = endOfLine(text, at)
    const equals = text.indexOf('=', at)
    if (equals <= at || equals > end) throw broken(`byte ${at} does not begin a name=value line`)
    environment.set(text.slice(at, equals), text.slice(equals + 1, end).replace(/\\([\s\S])/g, '$1'))
    if (environment.size > VARIABLES_MAX) throw broken(`it has more than ${VARIABLES_MAX} variables`)
    at = end + 1
  }
  const stray = text.slice(at).search(/[^#]/)
  if (stray >= 0) throw broken(`byte ${at + stray} is not padding`)
  return environment
}

function endOfLine(text: string, start: number): number {
  for (let at = start; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '\n') return at
  }
  throw broken(`the line at byte ${start} has no end`)
}

function broken(what: string): UserError {
  return new UserError(`GRUB environment block: ${what}`)
}

/**
 * Encodes an environment block.
 *
 * @throws UserError when the variables do not fit
 */
export function encodeEnvironment(environment: Environment): Uint8Array {
  let text = HEADER
  for (const [name, value] of environment) text += `${name}=${value.replace(/[\\\n]/g, '\\$&')}\n`
  if (text.length > BLOCK_BYTES) throw broken(`the variables need ${text.length} bytes of ${BLOCK_BYTES}`)
  return Buffer.from(text.padEnd(BLOCK_BYTES, '#'), 'latin1')
}

/**
 * What GRUB makes of an environment, damaged or not: it has no way to refuse one, so each variable that is missing or
 * nonsense counts as the least it could mean. Nothing at all is read as two slots without tries: A as the last resort.
 */
export function stateAsGrubReads(environment: Environment): SlotState {
  const slot = (name: SlotName): Slot => {
    const tries = /^[123]$/.test(environment.get(`${name}_tries`) ?? '')
      ? Number(environment.get(`${name}_tries`))
      : 0
    return { tries: isTries(tries) ? tries : 0, good: environment.get(`${name}_good`) === '1' }
  }
  return slotState(environment.get('order') === 'b a' ? 'b' : 'a', slot('a'), slot('b'))
}

/** The slot state in an environment. @throws UserError naming the variable that is missing or wrong */
export function readState(environment: Environment): SlotState {
  const order = environment.get('order')
  if (order !== 'a b' && order !== 'b a')
    throw broken(`variable order must be "a b" or "b a", not ${show(order)}`)
  return slotState(order === 'a b' ? 'a' : 'b', readSlot(environment, 'a'), readSlot(environment, 'b'))
}

function readSlot(environment: Environment, name: SlotName): Slot {
  const tries = environment.get(`${name}_tries`)
  const good = environment.get(`${name}_good`)
  const count = /^\d$/.test(tries ?? '') ? Number(tries) : Number.NaN
  if (!isTries(count)) throw broken(`variable ${name}_tries must be 0 to 3, not ${show(tries)}`)
  if (good !== '0' && good !== '1') throw broken(`variable ${name}_good must be 0 or 1, not ${show(good)}`)
  return { tries: count, good: good === '1' }
}

function show(value: string | undefined): string {
  return value === undefined ? 'missing' : JSON.stringify(value)
}

/**
 * The block for a state. Variables of others are kept behind ours.
 *
 * @throws UserError when the variables do not fit
 */
export function encodeState(state: SlotState, others: Environment = new Map()): Uint8Array {
  const flag = (value: boolean) => (value ? '1' : '0')
  const ours: [string, string][] = [
    ['order', state.order.join(' ')],
    ['a_tries', String(state.a.tries)],
    ['a_good', flag(state.a.good)],
    ['b_tries', String(state.b.tries)],
    ['b_good', flag(state.b.good)],
  ]
  const length = ours.reduce((sum, [name, value]) => sum + name.length + value.length + 2, HEADER.length)
  if (length > ATOMIC_BYTES) throw new Error(`slot state needs ${length} bytes, more than a sector`)
  const rest = [...others].filter(([name]) => !ours.some(([own]) => own === name))
  return encodeEnvironment(new Map([...ours, ...rest]))
}

/** The slot state of a block. @throws UserError as `decodeEnvironment` and `readState` do */
export function decodeState(block: Uint8Array): SlotState {
  return readState(decodeEnvironment(block))
}
