import { UserError } from '#lib/errors.ts'
import { shown } from './shown.ts'

/** What `meta_data.json` of a config drive says (OpenStack). */
export interface DriveMetadata {
  hostname?: string
  /** Lines of authorized_keys, in the order of their names. */
  keys: string[]
  /** The path of the network's configuration below `openstack/`, when there is one. */
  networkPath?: string
}

const KEYS_MAX = 1000

/** Paths in a config drive. */
export const DRIVE_USER_DATA = 'openstack/latest/user_data'
export const DRIVE_METADATA = 'openstack/latest/meta_data.json'

/**
 * Reads `meta_data.json`. It has many keys; `hostname`, `public_keys` and `network_config.content_path` count.
 *
 * @throws UserError naming the key that is wrong
 */
export function parseDriveMetadata(text: string): DriveMetadata {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new UserError('meta_data.json: is no JSON')
  }
  const object = record(value, 'the document')
  const keys = optionalRecord(object.public_keys, 'public_keys')
  const names = Object.keys(keys).sort()
  if (names.length > KEYS_MAX) throw new UserError(`meta_data.json: more than ${KEYS_MAX} public_keys`)
  const hostname = optionalText(object.hostname, 'hostname')
  const path = optionalText(
    optionalRecord(object.network_config, 'network_config').content_path,
    'network_config.content_path',
  )
  return {
    ...(hostname === undefined ? {} : { hostname }),
    keys: names.flatMap(name => optionalText(keys[name], `public_keys.${name}`) ?? []),
    ...(path === undefined ? {} : { networkPath: `openstack/${checkPath(path)}` }),
  }
}

/** Without a slash at its begin, and with nothing that leads out of the drive. */
function checkPath(path: string): string {
  const parts = path.split('/').filter(part => part !== '')
  if (parts.length === 0 || parts.some(part => part === '.' || part === '..') || /[\0\r\n]/.test(path))
    throw new UserError(
      `meta_data.json: network_config.content_path '${shown(path)}' is no path in the drive`,
    )
  return parts.join('/')
}

function record(value: unknown, key: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>
  throw new UserError(`meta_data.json: ${shown(key)} must be an object`)
}

function optionalRecord(value: unknown, key: string): Record<string, unknown> {
  return value === undefined || value === null ? {} : record(value, key)
}

/** Text of one line; blanks around it, and the end of line that files of keys have, are gone. */
function optionalText(value: unknown, key: string): string | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') throw new UserError(`meta_data.json: ${shown(key)} must be a text`)
  const text = value.trim()
  if (/[\0\r\n]/.test(text)) throw new UserError(`meta_data.json: ${shown(key)} must be one line`)
  return text === '' ? undefined : text
}
