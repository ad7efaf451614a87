import { UserError } from '#lib/errors.ts'
import type { Setting } from './config.ts'

/**
 * The assignments of a config.rb: `$name = literal`, where a literal is a number, a text in quotes, true, false, nil, or
 * a hash of such (`{8080 => 80}`). Comments and empty lines are skipped. Anything else is Ruby, and refused by its line:
 * half a program does something else than the whole.
 *
 * @throws UserError
 */
export function parseRuby(text: string, path: string): Setting[] {
  const settings: Setting[] = []
  for (const [index, source] of text.split('\n').entries()) {
    const line = index + 1
    const code = source.trim()
    if (code === '' || code.startsWith('#')) continue
    const found = /^\$([a-z_]+)\s*=\s*(.*)$/.exec(code)
    if (found === null) throw notPlain(path, line)
    const parser = new Literals(found[2]!, path, line)
    const value = parser.value()
    parser.end()
    settings.push({ name: found[1]!, value, line })
  }
  return settings
}

function notPlain(path: string, line: number): UserError {
  return new UserError(
    `${path}:${line}: only lines such as $num_instances=3 are understood, not Ruby in general`,
    'put such lines into a file of their own',
  )
}

class Literals {
  #rest: string
  readonly #path: string
  readonly #line: number

  constructor(text: string, path: string, line: number) {
    this.#rest = text
    this.#path = path
    this.#line = line
  }

  value(): unknown {
    if (this.#take(/^\{/) !== undefined) return this.#hash()
    const number = this.#take(/^\d[\d_]*(?![\w.])/)
    if (number !== undefined) return Number(number.replaceAll('_', ''))
    const single = this.#take(/^'(?:[^'\\]|\\.)*'/)
    if (single !== undefined) return single.slice(1, -1).replaceAll(/\\(['\\])/g, '$1')
    const double = this.#take(/^"(?:[^"\\#]|\\.|#(?!\{))*"/)
    if (double !== undefined) return double.slice(1, -1).replaceAll(/\\(.)/g, '$1')
    const word = this.#take(/^(true|false|nil)(?!\w)/)
    if (word !== undefined) return word === 'nil' ? null : word === 'true'
    throw notPlain(this.#path, this.#line)
  }

  /** Nothing follows but a comment. */
  end(): void {
    if (this.#rest !== '' && !this.#rest.startsWith('#')) throw notPlain(this.#path, this.#line)
  }

  #hash(): Map<unknown, unknown> {
    const pairs = new Map<unknown, unknown>()
    while (this.#take(/^\}/) === undefined) {
      if (pairs.size > 0 && this.#take(/^,/) === undefined) throw notPlain(this.#path, this.#line)
      const key = this.value()
      if (this.#take(/^=>/) === undefined) throw notPlain(this.#path, this.#line)
      pairs.set(key, this.value())
    }
    return pairs
  }

  #take(pattern: RegExp): string | undefined {
    const found = pattern.exec(this.#rest)?.[0]
    if (found === undefined) return undefined
    this.#rest = this.#rest.slice(found.length).trimStart()
    return found
  }
}
