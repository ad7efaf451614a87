import { posix } from 'node:path'

/**
 * A path with one leading slash and without `.`, `..` and double slashes; a slash at the end stays.
 *
 * The server answers 301 to any other path, so clients send this form.
 */
export function canonicalPath(path: string): string {
  return posix.normalize(path.startsWith('/') ? path : `/${path}`)
}

/** A path percent-encoded for a request line: reserved characters that mean nothing in a path stay readable. */
export function encodePath(path: string): string {
  return percent(path).replaceAll(/%(24|26|2B|2C|2F|3A|3B|3D|40)/g, hex => decodeURIComponent(hex))
}

/** `a=1&b=x+y`, sorted by name, for query strings and form bodies; absent and undefined ones are left out. */
export function encodeForm(fields: Readonly<Record<string, string | number | boolean | undefined>>): string {
  return Object.keys(fields)
    .toSorted()
    .filter(name => fields[name] !== undefined)
    .map(name => `${encodeWord(name)}=${encodeWord(String(fields[name]))}`)
    .join('&')
}

function encodeWord(text: string): string {
  return percent(text).replaceAll('%20', '+')
}

function percent(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replaceAll(
    /[!'()*]/g,
    char => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}
