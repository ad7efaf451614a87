import type { HostnameStep, Plan, SettingsStep, Step } from '../plan/plan.ts'
import type { Finding, Substitutes } from '../plan/report.ts'
import { shown } from '../source/shown.ts'
import { checkDocument } from './check.ts'
import { readDocument, type Value } from './document.ts'
import { compileFiles } from './files.ts'
import { Findings } from './findings.ts'
import { compilePeople } from './people.ts'
import { plainFile } from './plain-file.ts'
import { sortFindings } from './render.ts'
import { compileServices } from './services.ts'
import { substitute } from './substitute.ts'
import { compileUnits } from './units.ts'
import { View } from './view.ts'

/** What a cloud-config is read with, beside its text. */
export interface CloudConfigOptions {
  substitutes: Substitutes
  /** Whether it is told what is not known of this machine: an address, or its name. */
  tellMissing?: boolean
  /** Name of the set of keys. */
  sshKeyName?: string
  /** Of the platform; that of the cloud-config counts before it. */
  hostname?: string
  /** Of the platform, beside those of the cloud-config. */
  keys?: readonly string[]
}

/** What a cloud-config asks for. */
export interface CompiledCloudConfig {
  /** Not to be applied when there is an error among the findings. */
  plan: Plan
  findings: Finding[]
  /** Whether it is for the first start only. */
  once: boolean
}

const KEY_SET = 'coreos-cloudinit'
const ENVIRONMENT = '/etc/environment'
const HOSTS = '/etc/hosts'
/** hostname(7): letters, digits, hyphens, dots; and underscores, as people have them. */
const HOSTNAME = /^[A-Za-z0-9]([A-Za-z0-9_.-]{0,62}[A-Za-z0-9])?$/
const ADDRESSES = ['public_ipv4', 'private_ipv4', 'public_ipv6', 'private_ipv6'] as const
/** As many as somebody reads. */
const FINDINGS_MAX = 100
const SEVERITIES = ['error', 'warning'] as const
const METADATA = { path: 'metadata', line: 0, column: 0 }
const EMPTY: Value = { kind: 'map', entries: [], origin: { path: '', line: 1, column: 1 } }

/** Reads a cloud-config: a plan in the order of the original (specification f.6), and what is wrong. */
export function compileCloudConfig(text: string, options: CloudConfigOptions): CompiledCloudConfig {
  const { text: filled, missing, sourceColumn } = substitute(text, options.substitutes)
  const { value, findings } = readDocument(filled, sourceColumn)
  if (options.tellMissing === true)
    for (const { name, line, column } of missing) {
      const message = `$${name} is not known here, and becomes nothing`
      findings.push({ severity: 'warning', message, path: '', line, column })
    }
  if (value === undefined && findings.some(({ severity }) => severity === 'error'))
    return { plan: { steps: [] }, findings, once: false }
  const document = value ?? EMPTY
  findings.push(...checkDocument(document))
  const config = new View(document)
  const steps = compile(config, options, new Findings(findings))
  return { plan: { steps }, findings: bounded(findings), once: config.flag('once') === true }
}

/** The first ones; the last line says how bad the rest is, so that an error among them stops the plan too. */
function bounded(findings: readonly Finding[]): Finding[] {
  const sorted = sortFindings(findings)
  const rest = sorted.slice(FINDINGS_MAX)
  if (rest.length === 0) return sorted
  const severity = SEVERITIES.find(one => rest.some(finding => finding.severity === one)) ?? 'info'
  const { line, column } = rest[0]!
  return [
    ...sorted.slice(0, FINDINGS_MAX),
    { severity, message: `and ${rest.length} more`, path: '', line, column },
  ]
}

function compile(config: View, options: CloudConfigOptions, findings: Findings): Step[] {
  const { substitutes, sshKeyName: set = KEY_SET, keys = [] } = options
  const coreos = config.map('coreos')
  const hostname = compileHostname(config, options.hostname, findings)
  const people = compilePeople(config, { set, keys }, findings)
  const files = compileFiles(config.maps('write_files'), findings)
  const services = compileServices(coreos, findings)
  const hosts = compileHosts(config, hostname, options.tellMissing === true, findings)
  const { units, commands } = compileUnits(coreos.maps('units'), findings)
  if (coreos.has('write_files'))
    findings.info(coreos.at('write_files'), 'write_files is no part of coreos: move it to the left')
  const isWritten = files.some(({ path }) => path === ENVIRONMENT)
  return [
    ...(hostname === undefined ? [] : [hostname]),
    ...people,
    ...files,
    ...services.oem,
    ...hosts,
    ...services.flannel,
    ...services.update,
    ...(isWritten ? [] : environment(substitutes)),
    ...units,
    ...services.units,
    ...commands,
    ...services.commands,
  ]
}

function compileHostname(
  config: View,
  given: string | undefined,
  findings: Findings,
): HostnameStep | undefined {
  const own = config.line('hostname')
  if (own !== undefined && !HOSTNAME.test(own))
    findings.error(
      config.at('hostname'),
      `'${shown(own)}' is no name of a host: at most 64 of a-z, 0-9, - and .`,
    )
  if (own !== undefined) return { kind: 'hostname', name: own, origin: config.at('hostname') }
  return given === undefined ? undefined : { kind: 'hostname', name: given, origin: METADATA }
}

function compileHosts(
  config: View,
  hostname: HostnameStep | undefined,
  tellMissing: boolean,
  findings: Findings,
): Step[] {
  if (config.line('manage_etc_hosts') !== 'localhost') return []
  const origin = config.at('manage_etc_hosts')
  if (hostname !== undefined) return [plainFile(HOSTS, `127.0.0.1 ${hostname.name}\n`, origin)]
  if (tellMissing) findings.warning(origin, `no hostname is known here, and ${HOSTS} is left as it is`)
  return []
}

/** The addresses that are known, for programs. */
function environment(substitutes: Substitutes): SettingsStep[] {
  const values = ADDRESSES.flatMap(name => {
    const value = substitutes[name]
    return value === undefined ? [] : [{ name: `COREOS_${name.toUpperCase()}`, value }]
  })
  return values.length === 0 ? [] : [{ kind: 'settings', path: ENVIRONMENT, values, origin: METADATA }]
}
