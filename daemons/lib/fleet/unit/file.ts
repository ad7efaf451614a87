import { createHash } from 'node:crypto'
import type { UnitOption } from '../model.ts'

/** The original takes no longer line, and a cluster may hold daemons of it (spec fleet c.1). */
export const LINE_BYTES_MAX = 2048

/** A unit file against the syntax. */
export class UnitSyntaxError extends Error {
  /** From 1. */
  readonly line: number
  /** What is wrong, without the line. */
  readonly reason: string

  constructor(line: number, reason: string) {
    super(`line ${line}: ${reason}`)
    this.name = 'UnitSyntaxError'
    this.line = line
    this.reason = reason
  }
}

/**
 * Reads a unit file as the original's lexer does: a flat list of options, comments and spacing lost.
 *
 * @throws UnitSyntaxError
 */
export function parseUnit(text: string): UnitOption[] {
  checkLines(text)
  return new Lexer(text).run()
}

/** The text of options: sections in the order of their first appearance, an empty line between them. */
export function serializeUnit(options: readonly UnitOption[]): string {
  const sections = new Map<string, string>()
  for (const { section, name, value } of options)
    sections.set(section, `${sections.get(section) ?? ''}${name}=${value}\n`)
  return [...sections].map(([section, lines]) => `[${section}]\n${lines}`).join('\n')
}

/** SHA-1 of the serialised text, 40 hex digits: the name under which the registry keeps it. */
export function hashText(text: string): string {
  return createHash('sha1').update(text).digest('hex')
}

/** The hash of options. */
export function hashUnit(options: readonly UnitOption[]): string {
  return hashText(serializeUnit(options))
}

/** The value of the first option of that name, or undefined. */
export function firstValue(
  options: readonly UnitOption[],
  section: string,
  name: string,
): string | undefined {
  return options.find(option => option.section === section && option.name === name)?.value
}

/** Whether systemd is to enable the unit as well as to link it. */
export function hasInstall(options: readonly UnitOption[]): boolean {
  return options.some(option => option.section === 'Install')
}

function checkLines(text: string): void {
  for (const [index, line] of text.split('\n').entries()) {
    if (line.length * 3 < LINE_BYTES_MAX || Buffer.byteLength(line) < LINE_BYTES_MAX) continue
    throw new UnitSyntaxError(index + 1, `line too long (max ${LINE_BYTES_MAX} bytes)`)
  }
}

class Lexer {
  readonly #text: string
  readonly #options: UnitOption[] = []
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  run(): UnitOption[] {
    this.#skipToSection()
    let section = ''
    while (this.#at < this.#text.length) {
      const char = this.#text[this.#at]!
      if (/\s/.test(char)) this.#at++
      else if (char === '[') section = this.#section()
      else if (char === '#' || char === ';') this.#skipComment()
      else this.#option(section)
    }
    return this.#options
  }

  /** What stands before the first section is not looked at. */
  #skipToSection(): void {
    while (this.#at < this.#text.length && this.#text[this.#at] !== '[') {
      const char = this.#text[this.#at]!
      if (char === '#' || char === ';') this.#skipComment()
      else this.#at++
    }
  }

  #section(): string {
    const end = this.#text.indexOf(']', this.#at)
    if (end < 0) throw this.#error('unable to find end of section')
    const name = this.#text.slice(this.#at + 1, end)
    this.#at = end + 1
    const garbage = this.#line().text.trim()
    if (garbage !== '') {
      this.#at = end
      throw this.#error(`found garbage after section name ${name}: ${JSON.stringify(garbage)}`)
    }
    return name
  }

  #skipComment(): void {
    while (this.#line().text.replace(/ $/, '').endsWith('\\'));
  }

  #option(section: string): void {
    const start = this.#at
    while (this.#text[this.#at] !== '=') {
      const char = this.#text[this.#at]
      if (char === undefined || char === '\n' || char === '\r') {
        this.#at = start
        const end = char === undefined ? 'end of file' : 'newline'
        throw this.#error(`unexpected ${end} encountered while parsing option name`)
      }
      this.#at++
    }
    const name = this.#text.slice(start, this.#at).trim()
    this.#at++
    this.#options.push({ section, name, value: this.#value() })
  }

  /** Lines that end in a backslash go on; the backslash and the line end stay in the value. */
  #value(): string {
    let value = ''
    for (;;) {
      const { text, isLast } = this.#line()
      if (text.trim() === '') break
      value += text
      if (!text.endsWith('\\')) break
      if (isLast) break
      value += '\n'
    }
    return value.endsWith('\n') ? `${value.trim()}\n` : value.trim()
  }

  #line(): { text: string; isLast: boolean } {
    const end = this.#text.indexOf('\n', this.#at)
    const isLast = end < 0
    const text = this.#text.slice(this.#at, isLast ? undefined : end)
    this.#at = isLast ? this.#text.length : end + 1
    return { text, isLast }
  }

  #error(reason: string): UnitSyntaxError {
    return new UnitSyntaxError(this.#text.slice(0, this.#at).split('\n').length, reason)
  }
}
