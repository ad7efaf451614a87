import type { Entry, Value } from '../cloudconfig/document.ts'
import type { Origin } from '../plan/plan.ts'
import type { Finding } from '../plan/report.ts'

/** Far more than any schema has. */
const DEPTH_MAX = 64
const VALUES_MAX = 500_000
/** Of the text; bounded before by whoever fetched it, and here for who calls us otherwise. */
const LENGTH_MAX = 64 * 1024 * 1024
/** How much of what is wrong is shown. */
const SHOWN_MAX = 20

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const WORD = /[A-Za-z0-9_$.+-]+/y
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
}

/**
 * Reads JSON (RFC 8259) as the same values that YAML is read as, and keeps the line and column of every key and value. A key that stands twice is an error; so
 * is the first thing that is no JSON, and there it ends.
 */
export function readJson(text: string): { value: Value | undefined; findings: Finding[] } {
  const reader = new Reader(text)
  try {
    return { value: reader.document(), findings: reader.findings }
  } catch (error) {
    if (!(error instanceof NotJson)) throw error
    const { message, line, column } = error
    const finding = { severity: 'error', message: `no JSON: ${message}`, path: '', line, column } as const
    return { value: undefined, findings: [...reader.findings, finding] }
  }
}

/** Where and why a text is no JSON. */
class NotJson extends Error {
  readonly line: number
  readonly column: number

  constructor(message: string, line: number, column: number) {
    super(message)
    this.line = line
    this.column = column
  }
}

class Reader {
  readonly findings: Finding[] = []
  readonly #text: string
  #at = 0
  #line = 1
  /** Of the first character of the line. */
  #lineStart = 0
  #values = 0

  constructor(text: string) {
    this.#text = text
  }

  document(): Value {
    if (this.#text.length > LENGTH_MAX) this.#fail(`is longer than ${LENGTH_MAX} characters`)
    if (this.#text.startsWith('\ufeff')) this.#at = this.#lineStart = 1
    this.#space()
    if (this.#at === this.#text.length) this.#fail('is empty: an object in braces is wanted')
    const value = this.#value('', 0)
    this.#space()
    if (this.#at < this.#text.length) this.#fail(`nothing may follow the document, but ${this.#shown()} does`)
    return value
  }

  #value(path: string, depth: number): Value {
    if (depth > DEPTH_MAX) this.#fail(`is nested deeper than ${DEPTH_MAX}`)
    if (++this.#values > VALUES_MAX) this.#fail(`has more than ${VALUES_MAX} values`)
    const origin = this.#origin(path)
    switch (this.#text[this.#at]) {
      case '{':
        return { kind: 'map', entries: this.#entries(path, depth), origin }
      case '[':
        return { kind: 'list', items: this.#items(path, depth), origin }
      case '"':
        return { kind: 'text', text: this.#string(), quoted: true, origin }
    }
    NUMBER.lastIndex = this.#at
    const number = NUMBER.exec(this.#text)?.[0]
    const word = this.#word()
    if (number !== undefined && number.length >= word.length) {
      this.#at += number.length
      return { kind: 'text', text: number, quoted: false, origin }
    }
    this.#at += word.length
    if (word === 'true' || word === 'false' || word === 'null')
      return { kind: 'text', text: word, quoted: false, origin }
    this.#at -= word.length
    return this.#fail(this.#noValue(number !== undefined || /^[-+.]?\d/.test(word)))
  }

  #noValue(isNumber: boolean): string {
    const shown = this.#shown()
    if (isNumber) return `${shown} is no number of JSON`
    const first = this.#text[this.#at]
    if (first === "'") return 'strings are in double quotes, not in single ones'
    if (first === '}' || first === ']') return `a value is missing before ${shown}`
    if (this.#isComment()) return 'JSON has no comments'
    return `a value is wanted, not ${shown}`
  }

  #entries(path: string, depth: number): Entry[] {
    const entries = new Map<string, Entry>()
    this.#at++
    this.#space()
    if (this.#take('}')) return []
    for (;;) {
      if (this.#text[this.#at] !== '"') this.#fail(this.#noKey())
      const place = this.#origin('')
      const key = this.#string()
      const inner = path === '' ? key : `${path}.${key}`
      const origin = { ...place, path: inner }
      this.#space()
      if (!this.#take(':'))
        this.#fail(`a colon is wanted behind the key "${printable(key)}", not ${this.#shown()}`)
      this.#space()
      const value = this.#value(inner, depth + 1)
      const before = entries.get(key)
      if (before === undefined) entries.set(key, { key, name: key, origin, value })
      else
        this.findings.push({
          severity: 'error',
          message: `"${printable(key)}" is there already, in line ${before.origin.line}`,
          ...origin,
        })
      this.#space()
      if (this.#take('}')) return [...entries.values()]
      if (!this.#take(',')) this.#fail(`a comma or } is wanted, not ${this.#shown()}`)
      this.#space()
      if (this.#text[this.#at] === '}') this.#fail('no comma may stand before }')
    }
  }

  #noKey(): string {
    if (this.#text[this.#at] === "'") return 'keys are in double quotes, not in single ones'
    if (this.#isComment()) return 'JSON has no comments'
    return `a key in double quotes is wanted, not ${this.#shown()}`
  }

  #items(path: string, depth: number): Value[] {
    const items: Value[] = []
    this.#at++
    this.#space()
    if (this.#take(']')) return items
    for (;;) {
      items.push(this.#value(`${path}[${items.length}]`, depth + 1))
      this.#space()
      if (this.#take(']')) return items
      if (!this.#take(',')) this.#fail(`a comma or ] is wanted, not ${this.#shown()}`)
      this.#space()
      if (this.#text[this.#at] === ']') this.#fail('no comma may stand before ]')
    }
  }

  #string(): string {
    const open = this.#at
    const parts: string[] = []
    let from = ++this.#at
    for (;;) {
      const code = this.#text.charCodeAt(this.#at)
      // Behind the end it is NaN, which is not below anything.
      if (Number.isNaN(code) || code < 0x20) {
        if (!Number.isNaN(code) && code !== 0x0a && code !== 0x0d)
          this.#fail(`a control character stands in a string: write \\u${hex(code)}`)
        this.#at = open
        this.#fail('the string does not end in its line')
      }
      if (code === 0x22) {
        parts.push(this.#text.slice(from, this.#at++))
        return parts.join('')
      }
      if (code === 0x5c) {
        parts.push(this.#text.slice(from, this.#at), this.#escape())
        from = this.#at
      } else this.#at++
    }
  }

  #escape(): string {
    const letter = this.#text[this.#at + 1] ?? ''
    if (letter === 'u') {
      const digits = this.#text.slice(this.#at + 2, this.#at + 6)
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) this.#fail('\\u is followed by four hexadecimal digits')
      this.#at += 6
      return String.fromCharCode(Number.parseInt(digits, 16))
    }
    const character = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined
    if (character === undefined)
      return this.#fail(`\\${printable(letter)} means nothing in a string; a backslash is written \\\\`)
    this.#at += 2
    return character
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at)
      if (code === 0x0a) {
        this.#line++
        this.#lineStart = this.#at + 1
      } else if (code !== 0x20 && code !== 0x09 && code !== 0x0d) return
      this.#at++
    }
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false
    this.#at++
    return true
  }

  #word(): string {
    WORD.lastIndex = this.#at
    return WORD.exec(this.#text)?.[0] ?? ''
  }

  #isComment(): boolean {
    return /^(#|\/\/|\/\*)/.test(this.#text.slice(this.#at, this.#at + 2))
  }

  #shown(): string {
    if (this.#at >= this.#text.length) return 'the end'
    const word = this.#word().slice(0, SHOWN_MAX) || String.fromCodePoint(this.#text.codePointAt(this.#at)!)
    return `'${printable(word)}'`
  }

  #origin(path: string): Origin {
    return { path, line: this.#line, column: this.#at - this.#lineStart + 1 }
  }

  #fail(message: string): never {
    throw new NotJson(message, this.#line, this.#at - this.#lineStart + 1)
  }
}

function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/gu, letter => `\\u${hex(letter.codePointAt(0)!)}`)
}

function hex(code: number): string {
  return code.toString(16).padStart(4, '0')
}
