import { ReadStream } from 'node:tty'

const CTRL_C = '\x03'
const CTRL_D = '\x04'
const PASSWORD_BYTES_MAX = 4096
const INTERRUPTED_STATUS = 130

/**
 * Asks for a line on standard input; on a terminal it is not shown. At the end of the input the password is what
 * came, as with the original.
 */
export async function askPassword(prompt: string): Promise<string> {
  process.stdout.write(prompt)
  const input = process.stdin
  const terminal = input instanceof ReadStream && input.isTTY ? input : undefined
  terminal?.setRawMode(true)
  try {
    return await readLine(input)
  } finally {
    terminal?.setRawMode(false)
    input.pause()
    process.stdout.write('\n')
  }
}

function readLine(input: NodeJS.ReadStream): Promise<string> {
  return new Promise((resolve, reject) => {
    let line = ''
    const finish = (): void => {
      input.off('data', onData)
      input.off('end', finish)
      resolve(line)
    }
    const onData = (chunk: Buffer | string): void => {
      for (const char of chunk.toString()) {
        if (char === '\n' || char === '\r' || char === CTRL_D) {
          finish()
          return
        }
        if (char === CTRL_C) leave(input)
        else if (char === '\x7f' || char === '\b') line = line.slice(0, -1)
        else line += char
      }
      if (line.length > PASSWORD_BYTES_MAX) reject(new Error(`longer than ${PASSWORD_BYTES_MAX} bytes`))
    }
    input.on('data', onData)
    input.on('end', finish)
    input.on('error', reject)
  })
}

/** The terminal sends no signal in raw mode, so Ctrl-C is done by hand. */
function leave(input: NodeJS.ReadStream): never {
  if (input.isTTY) input.setRawMode(false)
  process.stdout.write('\n')
  process.exit(INTERRUPTED_STATUS)
}
