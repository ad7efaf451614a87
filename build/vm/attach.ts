import type { ReadStream, WriteStream } from 'node:tty'
import type { Terminal } from './terminal.ts'

/** The key that leaves a session without ending what is behind it, as telnet and virsh have it. */
export const DETACH_KEY = '\x1d'
export const DETACH_HINT = 'Ctrl-] leaves'
/** Switches off what a full-screen program may have left on: bracketed paste, mouse, alternate screen; shows the cursor. */
const RESET_SCREEN = '\x1b[?2004l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1049l\x1b[?25h\x1b[0m'

/**
 * Shows a terminal to the person at ours until the program ends or the detach key, if there is one, is pressed. However this ends, our
 * terminal is as it was.
 *
 * @returns the program's exit status, or undefined when the person left
 */
export async function attach(
  terminal: Terminal,
  input: ReadStream,
  output: WriteStream,
  options: { detachKey?: string; signal?: AbortSignal } = {},
): Promise<number | undefined> {
  const { signal } = options
  const resize = () => terminal.resize(output.columns, output.rows)
  const restore = () => {
    if (input.isTTY) input.setRawMode(false)
  }
  let left = () => {}
  const leaving = new Promise<undefined>(resolve => {
    left = () => resolve(undefined)
  })
  const type = (chunk: Buffer) => {
    const cut = options.detachKey === undefined ? -1 : chunk.indexOf(options.detachKey)
    if (cut !== 0) terminal.write(chunk.subarray(0, cut < 0 ? undefined : cut).toString('utf8'))
    if (cut >= 0) left()
  }
  // A crash of ours must not leave a terminal without echo behind.
  process.on('exit', restore)
  signal?.addEventListener('abort', left)
  terminal.onData(data => output.write(data))
  try {
    resize()
    output.on('resize', resize)
    input.setRawMode(true)
    input.on('data', type)
    input.on('end', left)
    input.resume()
    return await Promise.race([terminal.ended, leaving])
  } finally {
    signal?.removeEventListener('abort', left)
    input.off('data', type)
    input.off('end', left)
    output.off('resize', resize)
    input.pause()
    restore()
    process.off('exit', restore)
    output.write(RESET_SCREEN)
    terminal.kill()
  }
}
