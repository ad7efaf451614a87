/**
 * The QEMU Machine Protocol as bytes and values: one JSON object per line in each direction
 * (QEMU's docs/interop/qmp-spec). Nothing here talks to anybody.
 */
export type QmpMessage =
  | { kind: 'greeting'; version: string }
  | { kind: 'return'; id: number; value: unknown }
  | { kind: 'error'; id: number | undefined; class: string; description: string }
  | { kind: 'event'; name: string; data: Record<string, unknown>; timeMs: number }

/** No message of QEMU comes near this; a longer line means that the other side is not QEMU. */
export const LINE_BYTES_MAX = 4 * 1024 * 1024

/** The line that asks for a command; `id` comes back with its answer. */
export function encodeCommand(name: string, args: Record<string, unknown> | undefined, id: number): string {
  return `${JSON.stringify(args === undefined ? { execute: name, id } : { execute: name, arguments: args, id })}\n`
}

/**
 * Reads one line of QEMU.
 *
 * @throws Error naming what is wrong with a line that is no message
 */
export function decodeMessage(line: string): QmpMessage {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    throw new Error(`QMP: not JSON: ${excerpt(line)}`)
  }
  if (!isRecord(value)) throw new Error(`QMP: not an object: ${excerpt(line)}`)
  if ('QMP' in value) return { kind: 'greeting', version: greetingVersion(value['QMP'], line) }
  if (typeof value['event'] === 'string') return decodeEvent(value, value['event'], line)
  const id = value['id']
  if (isRecord(value['error'])) {
    const { class: name, desc } = value['error']
    if (typeof name !== 'string' || typeof desc !== 'string')
      throw new Error(`QMP: malformed error: ${excerpt(line)}`)
    return { kind: 'error', id: typeof id === 'number' ? id : undefined, class: name, description: desc }
  }
  if ('return' in value && typeof id === 'number') return { kind: 'return', id, value: value['return'] }
  throw new Error(`QMP: neither greeting, event, answer nor error: ${excerpt(line)}`)
}

function greetingVersion(greeting: unknown, line: string): string {
  const version =
    isRecord(greeting) && isRecord(greeting['version']) ? greeting['version']['qemu'] : undefined
  if (!isRecord(version)) throw new Error(`QMP: greeting without a version: ${excerpt(line)}`)
  return `${version['major']}.${version['minor']}.${version['micro']}`
}

function decodeEvent(value: Record<string, unknown>, name: string, line: string): QmpMessage {
  const timestamp = value['timestamp']
  const seconds = isRecord(timestamp) ? timestamp['seconds'] : undefined
  const micros = isRecord(timestamp) ? timestamp['microseconds'] : undefined
  if (typeof seconds !== 'number' || typeof micros !== 'number')
    throw new Error(`QMP: event without a time: ${excerpt(line)}`)
  const data = isRecord(value['data']) ? value['data'] : {}
  return { kind: 'event', name, data, timeMs: seconds * 1000 + micros / 1000 }
}

/** Cuts a stream of bytes into lines, however it arrives. */
export class LineSplitter {
  #rest = ''
  readonly #decoder = new TextDecoder()

  /**
   * The lines that `chunk` completes, without their ends.
   *
   * @throws Error when a line grows beyond LINE_BYTES_MAX
   */
  push(chunk: Uint8Array): string[] {
    const lines = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split('\n')
    this.#rest = lines.pop() ?? ''
    if (this.#rest.length > LINE_BYTES_MAX)
      throw new Error(`QMP: a line of more than ${LINE_BYTES_MAX} bytes`)
    return lines.map(line => line.trimEnd()).filter(line => line !== '')
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function excerpt(line: string): string {
  return line.length > 120 ? `${line.slice(0, 120)}…` : line
}
