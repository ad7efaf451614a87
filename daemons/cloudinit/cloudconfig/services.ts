import { quote } from '#lib/cli/quote.ts'
import type { CommandStep, FileStep, Origin, SettingsStep, UnitStep, Verb } from '../plan/plan.ts'
import { checkEtcd, translateEtcd } from './etcd.ts'
import type { Findings } from './findings.ts'
import { whyGone } from './gone.ts'
import { plainFile } from './plain-file.ts'
import { ETCD2, FLANNEL, FLEET, LOCKSMITH } from './sections.ts'
import { type Setting, settingsOf } from './settings.ts'
import type { View } from './view.ts'

/** Steps of the sections of `coreos` that set programs up. */
export interface ServiceSteps {
  oem: FileStep[]
  update: SettingsStep[]
  flannel: FileStep[]
  units: UnitStep[]
  commands: CommandStep[]
}

const DROP_IN = '20-cloudinit.conf'
const UPDATE_CONF = '/etc/coreos/update.conf'
const UPDATE_TEMPLATE = '/usr/share/coreos/update.conf'
const FLANNEL_ENVIRONMENT = '/run/flannel/options.env'
const OEM_RELEASE = '/etc/oem-release'
const FLANNELD = 'flanneld.service'
const LOCKSMITHD = 'locksmithd.service'
const UPDATE_ENGINE = 'update-engine.service'

/** What the sections etcd, etcd2, fleet, flannel, locksmith, update and oem ask for (specification f.3). */
export function compileServices(coreos: View, findings: Findings): ServiceSteps {
  checkEtcd(coreos, findings)
  const steps: ServiceSteps = {
    oem: oem(coreos.map('oem')),
    update: [],
    flannel: flannel(coreos.map('flannel')),
    units: [],
    commands: [],
  }
  const add = (section: string, unit: string, prefix: string, settings: readonly Setting[]) =>
    steps.units.push(...dropIn(unit, prefix, settings, coreos.at(section)))
  add('etcd', 'etcd.service', 'ETCD', translateEtcd(coreos.map('etcd'), findings))
  add('etcd2', 'etcd2.service', 'ETCD', settingsOf(coreos.map('etcd2'), ETCD2))
  add('fleet', 'fleet.service', 'FLEET', settingsOf(coreos.map('fleet'), FLEET))
  add('locksmith', LOCKSMITHD, 'LOCKSMITHD', settingsOf(coreos.map('locksmith'), LOCKSMITH))
  update(coreos.map('update'), steps, findings)
  for (const [section, unit] of [
    ['flannel', FLANNELD],
    ['locksmith', LOCKSMITHD],
  ] as const) {
    const gone = whyGone(unit)
    if (coreos.has(section) && gone !== undefined) findings.warning(coreos.at(section), `${section}: ${gone}`)
  }
  return steps
}

function variable(prefix: string, key: string): string {
  if (prefix === 'LOCKSMITHD' && key.startsWith('window_')) return `REBOOT_${key.toUpperCase()}`
  if (prefix === 'FLANNELD' && key === 'interface') return 'FLANNELD_IFACE'
  return `${prefix}_${key.toUpperCase()}`
}

function dropIn(unit: string, prefix: string, settings: readonly Setting[], origin: Origin): UnitStep[] {
  if (settings.length === 0) return []
  const lines = settings.map(({ key, value }) => `Environment="${variable(prefix, key)}=${escaped(value)}"\n`)
  const content = `[Service]\n${lines.join('')}`
  return [{ kind: 'unit', name: unit, runtime: true, dropIns: [{ name: DROP_IN, content }], origin }]
}

/** Within quotes of Environment= (systemd.syntax(7), systemd.exec(5)): backslashes, quotes, and specifiers. */
function escaped(value: string): string {
  return value.replaceAll(/["\\]/g, '\\$&').replaceAll('%', '%%')
}

function flannel(section: View): FileStep[] {
  const lines = settingsOf(section, FLANNEL).map(
    ({ key, value }) => `${variable('FLANNELD', key)}=${word(value)}`,
  )
  return lines.length === 0 ? [] : [plainFile(FLANNEL_ENVIRONMENT, lines.join('\n'), section.origin)]
}

/** A value of an EnvironmentFile= (systemd.exec(5)), in quotes only where it would become another. */
function word(value: string): string {
  return /^[^\s"'\\]*$/.test(value) ? value : `"${value.replaceAll(/["\\`$]/g, '\\$&')}"`
}

function oem(section: View): FileStep[] {
  const line = (key: string) => section.line(key) ?? ''
  if (line('id') === '') return []
  const lines = [
    `ID=${line('id')}`,
    `VERSION_ID=${line('version_id')}`,
    `NAME=${quote(line('name'))}`,
    `HOME_URL=${quote(line('home_url'))}`,
    `BUG_REPORT_URL=${quote(line('bug_report_url'))}`,
  ]
  return [plainFile(OEM_RELEASE, lines.map(text => `${text}\n`).join(''), section.origin)]
}

function update(section: View, steps: ServiceSteps, findings: Findings): void {
  const strategy = section.line('reboot_strategy')
  const group = section.line('group')
  const server = section.line('server')
  const { origin } = section
  // A YAML that was written by a program has `false` where somebody wrote `off`.
  const isOff = strategy === 'off' || strategy === 'false'
  const values = [
    { name: 'GROUP', value: group },
    { name: 'REBOOT_STRATEGY', value: isOff ? 'off' : strategy },
    { name: 'SERVER', value: server },
  ].flatMap(({ name, value }) => (value === undefined ? [] : [{ name, value }]))
  if (values.length === 0) return
  steps.update.push({ kind: 'settings', path: UPDATE_CONF, template: UPDATE_TEMPLATE, values, origin })
  if (strategy === 'best-effort')
    findings.warning(section.at('reboot_strategy'), 'best-effort is gone: use etcd-lock or reboot')
  if (strategy !== undefined) {
    steps.units.push({ kind: 'unit', name: LOCKSMITHD, runtime: true, dropIns: [], mask: isOff, origin })
    command(steps, LOCKSMITHD, isOff ? 'stop' : 'restart', origin)
  }
  if (group !== undefined || server !== undefined) command(steps, UPDATE_ENGINE, 'restart', origin)
}

/** Nothing is told to what is not in the image. */
function command(steps: ServiceSteps, unit: string, verb: Verb, origin: Origin): void {
  if (whyGone(unit) === undefined) steps.commands.push({ kind: 'command', unit, verb, origin })
}
