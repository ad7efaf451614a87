import type { Origin, Step, UnitStep, Verb } from '../plan/plan.ts'
import { GONE } from './gone.ts'
import { plainFile } from './plain-file.ts'
import { ETCD, ETCD2, FLANNEL, FLEET, LOCKSMITH } from './schema.ts'
import type { View } from './view.ts'

/** Steps of the sections of `coreos` that set programs up. */
export interface ServiceSteps {
  files: Step[]
  units: Step[]
  commands: Step[]
}

const DROP_IN = '20-cloudinit.conf'
const UPDATE_CONF = '/etc/coreos/update.conf'
const UPDATE_TEMPLATE = '/usr/share/coreos/update.conf'
const LOCKSMITHD = 'locksmithd.service'
const UPDATE_ENGINE = 'update-engine.service'
/** Flags of etcd 0.4 by what they are called since 2.0; others have gone. */
const ETCD_TRANSLATED: Readonly<Record<string, (text: string) => [name: string, value: string]>> = {
  discovery: text => ['ETCD_DISCOVERY', text],
  name: text => ['ETCD_NAME', text],
  data_dir: text => ['ETCD_DATA_DIR', text],
  cors: text => ['ETCD_CORS', text],
  snapshot_count: text => ['ETCD_SNAPSHOT_COUNT', text],
  addr: text => ['ETCD_ADVERTISE_CLIENT_URLS', url(text)],
  bind_addr: text => ['ETCD_LISTEN_CLIENT_URLS', url(text)],
  peer_addr: text => ['ETCD_INITIAL_ADVERTISE_PEER_URLS', url(text)],
  peer_bind_addr: text => ['ETCD_LISTEN_PEER_URLS', url(text)],
  peer_election_timeout: text => ['ETCD_ELECTION_TIMEOUT', text],
  peer_heartbeat_interval: text => ['ETCD_HEARTBEAT_INTERVAL', text],
  cert_file: text => ['ETCD_CERT_FILE', text],
  key_file: text => ['ETCD_KEY_FILE', text],
  ca_file: text => ['ETCD_TRUSTED_CA_FILE', text],
  peer_cert_file: text => ['ETCD_PEER_CERT_FILE', text],
  peer_key_file: text => ['ETCD_PEER_KEY_FILE', text],
  peer_ca_file: text => ['ETCD_PEER_TRUSTED_CA_FILE', text],
}

/** What the sections etcd, etcd2, fleet, flannel, locksmith, update and oem ask for (specification f.3). */
export function compileServices(coreos: View): ServiceSteps {
  const steps: ServiceSteps = { files: [], units: [], commands: [] }
  steps.files.push(
    ...oem(coreos.map('oem')),
    ...flannel(coreos.map('flannel')),
    ...update(coreos.map('update'), steps),
  )
  const etcd = coreos
    .map('etcd')
    .settings(Object.keys(ETCD))
    .flatMap(({ key, text }) => (ETCD_TRANSLATED[key] === undefined ? [] : [ETCD_TRANSLATED[key](text)]))
  steps.units.push(...dropIn('etcd.service', etcd, coreos.at('etcd')))
  for (const [section, unit, prefix, keys] of [
    ['etcd2', 'etcd2.service', 'ETCD', ETCD2],
    ['fleet', 'fleet.service', 'FLEET', FLEET],
    ['locksmith', LOCKSMITHD, 'LOCKSMITHD', LOCKSMITH],
  ] as const) {
    const values = coreos
      .map(section)
      .settings(Object.keys(keys))
      .map(({ key, text }): [string, string] => [variable(prefix, key), text])
    steps.units.push(...dropIn(unit, values, coreos.at(section)))
  }
  return steps
}

function variable(prefix: string, key: string): string {
  if (prefix === 'LOCKSMITHD' && key.startsWith('window_')) return `REBOOT_${key.toUpperCase()}`
  return `${prefix}_${key.toUpperCase()}`
}

function dropIn(
  unit: string,
  values: readonly (readonly [string, string])[],
  origin: UnitStep['origin'],
): Step[] {
  if (values.length === 0) return []
  const lines = values.map(([name, value]) => `Environment="${name}=${quoted(value)}"\n`)
  const content = `[Service]\n${lines.join('')}`
  return [{ kind: 'unit', name: unit, runtime: true, dropIns: [{ name: DROP_IN, content }], origin }]
}

/** Within quotes of Environment= (systemd.syntax(7), systemd.exec(5)): backslashes, quotes, and specifiers. */
function quoted(value: string): string {
  return value.replaceAll(/["\\]/g, '\\$&').replaceAll('%', '%%').replaceAll('\n', '\\n')
}

function flannel(section: View): Step[] {
  const lines = section
    .settings(Object.keys(FLANNEL))
    .map(({ key, text }) => `FLANNELD_${key === 'interface' ? 'IFACE' : key.toUpperCase()}=${text}`)
  return lines.length === 0 ? [] : [plainFile('/run/flannel/options.env', lines.join('\n'), section.origin)]
}

function oem(section: View): Step[] {
  if (section.text('id') === undefined) return []
  const keys = ['id', 'name', 'version_id', 'home_url', 'bug_report_url'] as const
  const lines = keys.map(key => {
    const text = section.text(key) ?? ''
    return `${key.toUpperCase()}=${key === 'id' || key === 'version_id' ? text : JSON.stringify(text)}\n`
  })
  return [plainFile('/etc/oem-release', lines.join(''), section.origin)]
}

function update(section: View, steps: ServiceSteps): Step[] {
  const strategy = section.text('reboot_strategy')
  // A YAML that was written by a program has `false` where somebody wrote `off`.
  const off = strategy === 'off' || strategy === 'false'
  const origin = section.origin
  const values = [
    ...(section.text('group') === undefined ? [] : [{ name: 'GROUP', value: section.text('group')! }]),
    ...(strategy === undefined ? [] : [{ name: 'REBOOT_STRATEGY', value: off ? 'off' : strategy }]),
    ...(section.text('server') === undefined ? [] : [{ name: 'SERVER', value: section.text('server')! }]),
  ]
  if (values.length === 0) return []
  if (strategy !== undefined) {
    const mask = off ? { mask: true } : { mask: false }
    steps.units.push({ kind: 'unit', name: LOCKSMITHD, runtime: true, dropIns: [], ...mask, origin })
    command(steps, LOCKSMITHD, off ? 'stop' : 'restart', origin)
  }
  if (section.has('group') || section.has('server')) command(steps, UPDATE_ENGINE, 'restart', origin)
  return [{ kind: 'settings', path: UPDATE_CONF, template: UPDATE_TEMPLATE, values, origin }]
}

function command(steps: ServiceSteps, unit: string, verb: Verb, origin: Origin): void {
  if (!(unit in GONE)) steps.commands.push({ kind: 'command', unit, verb, origin })
}

function url(address: string): string {
  return /^https?:/.test(address) ? address : `http://${address}`
}
