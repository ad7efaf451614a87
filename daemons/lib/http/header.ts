import assert from 'node:assert'

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
// ASCII only, so that an answer of ASCII can be written as it stands.
const VALUE = /^[\t\x20-\x7e]*$/

/**
 * One header as it goes over the wire, with its line end. A block of headers is such lines one after the other; what
 * never changes is made once. Throws on what would break out of its line: that is a bug of the caller.
 */
export function headerLine(name: string, value: string): string {
  assert(NAME.test(name), `${JSON.stringify(name)} is no name of a header`)
  assert(VALUE.test(value), `the header ${name} cannot hold ${JSON.stringify(value)}`)
  return `${name}: ${value}\r\n`
}

/** A block of headers from pairs, in their order and in the case they are given. */
export function headerBlock(pairs: readonly (readonly [name: string, value: string])[]): string {
  let block = ''
  for (const [name, value] of pairs) block += headerLine(name, value)
  return block
}

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** The line `Date: …`, made anew once a second. */
export class DateLine {
  #second = Number.NaN
  #line = ''

  /** @param nowMs milliseconds since 1970 */
  at(nowMs: number): string {
    const second = Math.floor(nowMs / 1000)
    if (second !== this.#second) {
      this.#second = second
      this.#line = `Date: ${httpDate(second * 1000)}\r\n`
    }
    return this.#line
  }
}

/** `Mon, 23 Nov 2026 09:00:00 GMT` (RFC 9110 §5.6.7). */
export function httpDate(ms: number): string {
  const date = new Date(ms)
  const day = two(date.getUTCDate())
  const time = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`
  const year = String(date.getUTCFullYear()).padStart(4, '0')
  return `${DAYS[date.getUTCDay()]}, ${day} ${MONTHS[date.getUTCMonth()]} ${year} ${time} GMT`
}

function two(number: number): string {
  return number < 10 ? `0${number}` : String(number)
}
