import type { Server, Socket } from 'node:net'
import { describeFailure } from '#lib/errors.ts'
import { LINE_BYTES_MAX, parseRequest, type Request } from '../control.ts'
import { LineReader } from '../lines.ts'
import { CONTROL } from '../settings.ts'
import { closeServer, type SocketFolder } from './listener.ts'

/** Who controls the switch at the same time. */
export const CLIENTS_MAX = 32

/** How long a client has to take what was written to it, when the switch ends. */
const FAREWELL_MS = 1000

/** Does what is asked for, and says what came of it. */
export type Handler = (request: Request) => Promise<object>

/** The socket for control: a request a line, an answer a line, in order. */
export class ControlServer {
  readonly #server: Server
  readonly #clients: Set<Socket>

  private constructor(server: Server, clients: Set<Socket>) {
    this.#server = server
    this.#clients = clients
  }

  /** @throws system error when it cannot listen */
  static async open(folder: SocketFolder, handle: Handler): Promise<ControlServer> {
    const clients = new Set<Socket>()
    const server = await folder.listen(`${CONTROL}.sock`, socket => {
      clients.add(socket)
      socket.on('close', () => clients.delete(socket))
      socket.on('error', () => undefined) // it is closed, too
      if (clients.size > CLIENTS_MAX) socket.end(answerOf({ error: `more than ${CLIENTS_MAX} clients` }))
      else void serve(socket, handle)
    })
    return new ControlServer(server, clients)
  }

  /** Ends all connections, after what was written to them. */
  async close(): Promise<void> {
    const closed = closeServer(this.#server)
    for (const socket of this.#clients) socket.destroySoon()
    const timer = setTimeout(() => {
      for (const socket of this.#clients) socket.destroy()
    }, FAREWELL_MS)
    await closed
    clearTimeout(timer)
  }
}

/** One request after the other. While one is done nothing is read: a client that does not read its answers waits. */
async function serve(socket: Socket, handle: Handler): Promise<void> {
  const reader = new LineReader(LINE_BYTES_MAX)
  try {
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
      for (const line of reader.push(chunk)) {
        const answer = await answerLine(line, handle)
        if (socket.writable && !socket.write(answerOf(answer))) await drained(socket)
      }
    }
  } catch (error) {
    if (socket.writable)
      socket.end(answerOf({ error: error instanceof Error ? error.message : String(error) }))
  }
}

async function answerLine(line: string, handle: Handler): Promise<object> {
  try {
    return await handle(parseRequest(line))
  } catch (error) {
    const failure = describeFailure(error)
    if (failure === undefined) process.stderr.write(`${error instanceof Error ? error.stack : error}\n`)
    return { error: failure ?? 'the switch failed, its log says how' }
  }
}

async function drained(socket: Socket): Promise<void> {
  await new Promise<void>(resolve => {
    const done = () => {
      socket.off('drain', done).off('close', done)
      resolve()
    }
    socket.on('drain', done).on('close', done)
  })
}

function answerOf(value: object): string {
  return `${JSON.stringify(value)}\n`
}
