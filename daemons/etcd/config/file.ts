import { UserError } from '#lib/errors.ts'
import { FLAGS } from './flags.ts'

const CLIENT_TLS = 'client-transport-security'
const PEER_TLS = 'peer-transport-security'
/** Keys of the two nested parts, and the flags that they stand for. */
const NESTED: ReadonlyMap<string, ReadonlyMap<string, string>> = new Map([
  [
    CLIENT_TLS,
    new Map([
      ['cert-file', 'cert-file'],
      ['key-file', 'key-file'],
      ['client-cert-auth', 'client-cert-auth'],
      ['trusted-ca-file', 'trusted-ca-file'],
      ['ca-file', 'trusted-ca-file'],
      ['client-crl-file', 'client-crl-file'],
      ['auto-tls', 'auto-tls'],
    ]),
  ],
  [
    PEER_TLS,
    new Map([
      ['cert-file', 'peer-cert-file'],
      ['key-file', 'peer-key-file'],
      ['client-cert-auth', 'peer-client-cert-auth'],
      ['trusted-ca-file', 'peer-trusted-ca-file'],
      ['ca-file', 'peer-trusted-ca-file'],
      ['crl-file', 'peer-crl-file'],
      ['auto-tls', 'peer-auto-tls'],
      ['allowed-cn', 'peer-cert-allowed-cn'],
      ['allowed-hostname', 'peer-cert-allowed-hostname'],
    ]),
  ],
])
const FLAG_NAMES = new Set(FLAGS.flatMap(({ names }) => names))

/**
 * Flags as a configuration file gives them, in the order of the file: names and texts. A key that is no flag is
 * refused, as it is a typing error more often than anything else.
 *
 * @param value the YAML document
 * @throws UserError that names file and key
 */
export function flagsOfFile(value: unknown, file: string): [name: string, text: string][] {
  if (value === null || value === undefined) return []
  if (typeof value !== 'object' || Array.isArray(value))
    throw new UserError(`${file}: must be a mapping of flags, such as "name: n1"`)
  const flags: [string, string][] = []
  for (const [key, item] of Object.entries(value)) {
    const nested = NESTED.get(key)
    if (nested !== undefined) flags.push(...nestedFlags(item, key, nested, file))
    else if (FLAG_NAMES.has(key)) push(flags, key, item, `${file}: ${key}`)
    else throw new UserError(`${file}: ${key}: there is no such flag`)
  }
  return flags
}

function nestedFlags(
  value: unknown,
  part: string,
  names: ReadonlyMap<string, string>,
  file: string,
): [string, string][] {
  if (value === null) return []
  if (typeof value !== 'object' || Array.isArray(value))
    throw new UserError(`${file}: ${part}: must be a mapping, such as "cert-file: /etc/ssl/etcd.pem"`)
  const flags: [string, string][] = []
  for (const [key, item] of Object.entries(value as object)) {
    const name = names.get(key)
    if (name === undefined) throw new UserError(`${file}: ${part}: ${key}: there is no such setting`)
    push(flags, name, item, `${file}: ${part}: ${key}`)
  }
  return flags
}

/** An empty value is none: files are often templates whose variable was empty. */
function push(flags: [string, string][], name: string, value: unknown, where: string): void {
  if (value === null || value === '') return
  const text = Array.isArray(value) ? value.map(item => scalar(item, where)).join(',') : scalar(value, where)
  flags.push([name, text])
}

function scalar(value: unknown, where: string): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  throw new UserError(`${where}: must be a text, a number, true or false`)
}
