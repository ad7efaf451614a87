/// <reference path="../../node_modules/node-pty/node-pty.d.ts" />
import { createRequire } from 'node:module'
import type { IPty } from '@lydell/node-pty'
import { TimeoutError } from './deadline.ts'
import type { ProgramCommand } from './programs.ts'
import { plainText } from './transcript.ts'

// Its types are declared under the name of the fork that package.json takes it from.
const nodePty: typeof import('@lydell/node-pty') = createRequire(import.meta.url)('node-pty')

const COLUMNS = 80
const ROWS = 24
/** What is kept for `waitFor`; older output of a long session is forgotten. */
const TEXT_CHARACTERS_MAX = 4 * 1024 * 1024
/** Characters that an error message repeats. */
const TAIL_CHARACTERS = 2000

/**
 * A program on a pseudo-terminal: it behaves as it does for a person. The command line shows it to a person
 * (attach.ts), tests type into it and read what it answers.
 */
export class Terminal {
  /** Exit status when the program has ended. */
  readonly ended: Promise<number>
  readonly #pty: IPty
  #text = ''
  #position = 0
  #status: number | undefined
  readonly #checks = new Set<() => void>()

  private constructor(pty: IPty) {
    this.#pty = pty
    pty.onData(data => {
      this.#text += data
      if (this.#text.length > TEXT_CHARACTERS_MAX) this.#text = this.#text.slice(-TEXT_CHARACTERS_MAX / 2)
      for (const check of [...this.#checks]) check()
    })
    this.ended = new Promise(resolve => {
      pty.onExit(({ exitCode, signal }) => {
        const status = signal ? 128 + signal : exitCode
        this.#status = status
        for (const check of [...this.#checks]) check()
        resolve(status)
      })
    })
  }

  static spawn(
    command: ProgramCommand,
    options: { cwd?: string; columns?: number; rows?: number } = {},
  ): Terminal {
    const pty = nodePty.spawn(command.file, command.args, {
      name: process.env['TERM'] ?? 'xterm-256color',
      cols: options.columns ?? COLUMNS,
      rows: options.rows ?? ROWS,
      cwd: options.cwd ?? process.cwd(),
      env: command.env,
    })
    return new Terminal(pty)
  }

  /** Everything shown so far, without control sequences. */
  get text(): string {
    return plainText(this.#text)
  }

  onData(listener: (data: string) => void): void {
    this.#pty.onData(listener)
  }

  /** Types. `\r` is the Enter key. */
  write(text: string): void {
    this.#pty.write(text)
  }

  resize(columns: number, rows: number): void {
    if (this.#status === undefined && columns > 0 && rows > 0) this.#pty.resize(columns, rows)
  }

  kill(signal = 'SIGHUP'): void {
    if (this.#status === undefined) this.#pty.kill(signal)
  }

  /**
   * Waits for a text and moves behind it.
   *
   * @throws TimeoutError, or Error when the program ends, with the last of what was shown
   */
  async waitFor(pattern: string | RegExp, options: { timeoutMs: number }): Promise<string> {
    return await new Promise<string>((resolve, reject) => {
      const finish = (act: () => void) => {
        clearTimeout(timer)
        this.#checks.delete(check)
        act()
      }
      const fail = (error: Error) => finish(() => reject(error))
      const check = () => {
        const text = this.text
        const rest = text.slice(this.#position)
        const match = typeof pattern === 'string' ? find(rest, pattern) : pattern.exec(rest)
        if (match) {
          this.#position += match.index + match[0].length
          return finish(() => resolve(match[0]))
        }
        if (this.#status !== undefined)
          fail(new Error(`${pattern}: the program ended with status ${this.#status}\n${this.#tail()}`))
      }
      const timer = setTimeout(
        () => fail(new TimeoutError(`${pattern}: not within ${options.timeoutMs / 1000} s\n${this.#tail()}`)),
        options.timeoutMs,
      )
      this.#checks.add(check)
      check()
    })
  }

  #tail(): string {
    return this.text.slice(-TAIL_CHARACTERS)
  }
}

function find(text: string, part: string): { index: number; 0: string } | undefined {
  const index = text.indexOf(part)
  return index < 0 ? undefined : { index, 0: part }
}
