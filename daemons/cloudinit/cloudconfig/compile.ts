import type { Plan, Step, UserStep } from '../plan/plan.ts'
import type { Finding, Substitutes } from '../plan/report.ts'
import { checkDocument } from './check.ts'
import { decodeContent } from './decode.ts'
import { readDocument } from './document.ts'
import { plainFile } from './plain-file.ts'
import { compileServices } from './services.ts'
import { substitute } from './substitute.ts'
import { compileUnits } from './units.ts'
import { validate } from './validate.ts'
import { View } from './view.ts'

/** What a cloud-config is read with, beside its text. */
export interface CloudConfigOptions {
  substitutes: Substitutes
  /** Whether an address that is not known is told. */
  tellMissing?: boolean
  /** Name of the set of keys. */
  sshKeyName?: string
  /** Of the platform; that of the cloud-config counts before it. */
  hostname?: string
  /** Of the platform, beside those of the cloud-config. */
  keys?: readonly string[]
}

const KEY_NAME = 'coreos-cloudinit'
const ENVIRONMENT = '/etc/environment'
const FILE_MODE = 0o644

/** Reads a cloud-config: a plan in the order of the original (specification f.6), and what is wrong. */
export function compileCloudConfig(
  text: string,
  options: CloudConfigOptions,
): { plan: Plan; findings: Finding[]; once: boolean } {
  const { text: filled, missing } = substitute(text, options.substitutes)
  const { value, findings } = readDocument(filled)
  for (const { name, line, column } of options.tellMissing === true ? missing : [])
    findings.push({
      severity: 'warning',
      message: `$${name} is not known here, and becomes nothing`,
      path: '',
      line,
      column,
    })
  if (value === undefined) return { plan: { steps: [] }, findings, once: false }
  findings.push(...checkDocument(value))
  const config = new View(value)
  findings.push(...validate(config))
  return { plan: { steps: compile(config, options) }, findings, once: config.flag('once') === true }
}

function compile(config: View, options: CloudConfigOptions): Step[] {
  const steps: Step[] = []
  const coreos = config.map('coreos')
  const hostname = config.text('hostname') ?? options.hostname
  if (hostname !== undefined) steps.push({ kind: 'hostname', name: hostname, origin: config.at('hostname') })
  const set = options.sshKeyName ?? KEY_NAME
  for (const user of config.maps('users')) steps.push(...compileUser(user, set))
  const keys = [
    ...config.texts('ssh_authorized_keys').map(({ text }) => text.trim()),
    ...(options.keys ?? []),
  ]
  if (keys.length > 0)
    steps.push({ kind: 'keys', user: 'core', set, keys, origin: config.at('ssh_authorized_keys') })
  const files = config.maps('write_files').flatMap(compileFile)
  steps.push(...files)
  const services = compileServices(coreos)
  steps.push(...services.files)
  if (config.text('manage_etc_hosts') === 'localhost' && hostname !== undefined)
    steps.push(plainFile('/etc/hosts', `127.0.0.1 ${hostname}\n`, config.at('manage_etc_hosts')))
  steps.push(...environment(options.substitutes, files))
  steps.push(...compileUnits(coreos.maps('units')), ...services.units, ...services.commands)
  return steps
}

/** The addresses that are known, for programs, unless the cloud-config writes that file itself. */
function environment(substitutes: Substitutes, files: readonly Step[]): Step[] {
  if (files.some(step => step.kind === 'file' && step.path === ENVIRONMENT)) return []
  const values = Object.entries(substitutes).map(([name, value]) => ({
    name: `COREOS_${name.toUpperCase()}`,
    value,
  }))
  const origin = { path: '', line: 0, column: 0 }
  return values.length === 0 ? [] : [{ kind: 'settings', path: ENVIRONMENT, values, origin }]
}

function compileUser(user: View, set: string): Step[] {
  const name = user.text('name')
  if (name === undefined) return []
  const { origin } = user
  const optional = <Key extends string>(key: Key, text: string | undefined) =>
    (text === undefined ? {} : { [key]: text }) as Partial<Record<Key, string>>
  const step: UserStep = {
    kind: 'user',
    name,
    ...optional('passwordHash', user.text('passwd')),
    ...optional('gecos', user.text('gecos')),
    ...optional('home', user.text('homedir')),
    ...optional('primaryGroup', user.text('primary_group')),
    ...optional('shell', user.text('shell')),
    createHome: user.flag('no_create_home') !== true,
    ownGroup: user.flag('no_user_group') !== true,
    groups: user.texts('groups').map(({ text }) => text),
    system: user.flag('system') === true,
    present: true,
    existing: 'credentials',
    origin,
  }
  const keys = user.texts('ssh_authorized_keys').map(({ text }) => text.trim())
  return keys.length === 0
    ? [step]
    : [step, { kind: 'keys', user: name, set, keys, origin: user.at('ssh_authorized_keys') }]
}

function compileFile(file: View): Step[] {
  const path = file.text('path')
  if (path === undefined) return []
  const bytes = decodeContent(file.text('content') ?? '', file.text('encoding') ?? '')
  if (bytes === undefined) return []
  const [user = '', group = ''] = (file.text('owner') ?? '').split(':')
  return [
    {
      kind: 'file',
      path,
      content: { kind: 'inline', bytes },
      append: [],
      mode: modeOf(file.text('permissions')),
      ...(user === '' ? {} : { user }),
      ...(group === '' ? {} : { group }),
      overwrite: true,
      origin: file.origin,
    },
  ]
}

/** One that is none was told, and the plan is not applied. */
function modeOf(permissions: string | undefined): number {
  return permissions !== undefined && /^0?[0-7]{3,4}$/.test(permissions)
    ? Number.parseInt(permissions, 8)
    : FILE_MODE
}
