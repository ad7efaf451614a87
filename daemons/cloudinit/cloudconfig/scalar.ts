import type { Value } from './document.ts'

/** Spellings of YAML 1.1 (yaml.org/type/bool.html), which the original took. */
const TRUE = /^(y|Y|yes|Yes|YES|true|True|TRUE|on|On|ON)$/
const FALSE = /^(n|N|no|No|NO|false|False|FALSE|off|Off|OFF)$/
const NULL = /^(~|null|Null|NULL|)$/
const DECIMAL = /^[-+]?(0|[1-9][0-9_]*)$/
const OTHER_BASE = /^([-+]?)0(x[0-9a-fA-F_]+|b[01_]+|o?[0-7_]+)$/
const FLOAT = /^[-+]?(\d[\d_]*\.?\d*|\.\d+)([eE][-+]?\d+)?$/

/** Whether a value says nothing: an empty one, or a null that is not in quotes. */
export function isNothing(value: Value): boolean {
  return value.kind === 'text' && (value.quoted ? value.text === '' : NULL.test(value.text))
}

/** The truth of a scalar; undefined when it is none. Words in quotes are texts. */
export function truthOf(value: Value): boolean | undefined {
  if (value.kind !== 'text' || value.quoted) return undefined
  if (TRUE.test(value.text)) return true
  return FALSE.test(value.text) ? false : undefined
}

/** The integer of a scalar, in any base of YAML 1.1; undefined when it is none that is exact. */
export function integerOf(value: Value): number | undefined {
  if (value.kind !== 'text' || value.quoted) return undefined
  const text = value.text
  const other = OTHER_BASE.exec(text)
  if (other === null && !DECIMAL.test(text)) return undefined
  const number = Number(other === null ? text.replaceAll('_', '') : prefixed(other[2]!))
  const signed = other?.[1] === '-' ? -number : number
  return Number.isSafeInteger(signed) ? signed + 0 : undefined
}

/** The number of a scalar; undefined when it is none. */
export function floatOf(value: Value): number | undefined {
  const integer = integerOf(value)
  if (integer !== undefined) return integer
  if (value.kind !== 'text' || value.quoted || !FLOAT.test(value.text)) return undefined
  const number = Number(value.text.replaceAll('_', ''))
  return Number.isFinite(number) ? number : undefined
}

/** `0` and digits are octal, as in C. */
function prefixed(digits: string): string {
  const plain = digits.replaceAll('_', '').toLowerCase()
  return `0${/^[xbo]/.test(plain) ? plain : `o${plain}`}`
}
