import { posix } from 'node:path'
import { hasInstall } from '../cloudconfig/unitfile.ts'
import type { View } from '../cloudconfig/view.ts'
import type { Origin } from '../plan/plan.ts'
import type { Finding, Severity } from '../plan/report.ts'
import type { Language } from './check.ts'

const UNIT_NAME =
  /^[A-Za-z0-9:_.\\-]+(@[A-Za-z0-9:_.\\-]*)?\.(service|socket|device|mount|automount|swap|target|path|timer|slice|scope)$/
const NETWORK_UNIT = /\.(network|netdev|link)$/
const DROP_IN = /^[^/]+\.conf$/
const KEY = /^(?:[^"\s]*(?:"[^"]*"[^"\s]*)*\s+)?((ssh|ecdsa|sk)-[\w@.-]+)\s+[A-Za-z0-9+/]+={0,2}(\s.*)?$/
/** Of crypt(5), or none that anything equals. */
const PASSWORD = /^([!*].*|\$[A-Za-z0-9]+\$.+|_[./A-Za-z0-9]{19}|[./A-Za-z0-9]{13})$/
/** Characters of a label (mkfs.ext4, mkfs.vfat, mkswap). */
const LABEL_MAX: Readonly<Record<string, number>> = { ext4: 16, vfat: 11, swap: 15 }
/** Octal numbers that are mostly meant when they are written as decimal ones. */
const OCTAL_LOOKS = new Set(
  '400 440 444 500 550 555 600 640 644 660 664 666 700 750 755 770 775 777'.split(' '),
)
const SHOWN_MAX = 40

/** What the schema can not say of a configuration: paths, names, and what does not go together. */
export function checkRules(config: View, language: Language): Finding[] {
  const rules = new Rules(language)
  rules.storage(config.map('storage'))
  rules.units(config.map('systemd').maps('units'))
  rules.people(config.map('passwd'))
  return rules.findings
}

class Rules {
  readonly findings: Finding[] = []
  readonly #language: Language

  constructor(language: Language) {
    this.#language = language
  }

  storage(storage: View): void {
    const leaves = new Map<string, string>()
    for (const file of storage.maps('files')) this.#leaf(leaves, file, 'a file')
    for (const link of storage.maps('links')) this.#leaf(leaves, link, 'a link')
    for (const list of ['files', 'directories', 'links'])
      for (const node of storage.maps(list)) this.#node(node, leaves)
    for (const file of storage.maps('files'))
      if (file.flag('overwrite') === true && !this.#hasContents(file))
        this.#error('overwrite needs contents', file.at('overwrite'))
    this.#unique(storage.maps('filesystems'), 'device')
    for (const filesystem of storage.maps('filesystems')) this.#filesystem(filesystem)
  }

  units(units: readonly View[]): void {
    this.#unique(units, 'name')
    for (const unit of units) {
      const name = unit.text('name') ?? ''
      const at = unit.at('name')
      if (NETWORK_UNIT.test(name))
        this.#error(`${shorten(name)} is for systemd-networkd: write a file /etc/systemd/network/${name}`, at)
      else if (name !== '' && !UNIT_NAME.test(name))
        this.#error(`'${shorten(name)}' is no name of a unit, such as hello.service`, at)
      const content = unit.text('contents')
      if (unit.flag('enabled') === true && content !== undefined && !hasInstall(content))
        this.#add(
          'warning',
          `${shorten(name)}: enabled does nothing without an [Install] section`,
          unit.at('enabled'),
        )
      this.#unique(unit.maps('dropins'), 'name')
      for (const dropIn of unit.maps('dropins'))
        if (!DROP_IN.test(dropIn.text('name') ?? ''))
          this.#error('a drop-in needs a file name that ends in .conf', dropIn.at('name'))
    }
  }

  people(passwd: View): void {
    for (const list of ['users', 'groups']) {
      this.#unique(passwd.maps(list), 'name')
      for (const one of passwd.maps(list)) {
        const hash = one.text('password_hash')
        const key = this.#language === 'butane' ? 'password_hash' : 'passwordHash'
        if (hash !== undefined && !PASSWORD.test(hash))
          this.#error(`${key} must be a hash of crypt(5), such as from mkpasswd`, one.at('password_hash'))
      }
    }
    for (const user of passwd.maps('users'))
      for (const { text, origin } of user.texts('ssh_authorized_keys'))
        if (/[\r\n]/.test(text.trim())) this.#error('one key of SSH is one line', origin)
        else if (!KEY.test(text.trim()))
          this.#add('warning', `'${shorten(text)}' is no public key of SSH`, origin)
  }

  /** Remembers what nothing can be below of. */
  #leaf(leaves: Map<string, string>, node: View, what: string): void {
    const path = node.text('path')
    if (path !== undefined) leaves.set(path, what)
  }

  #node(node: View, leaves: ReadonlyMap<string, string>): void {
    const path = node.text('path')
    if (path?.startsWith('/')) {
      const clean = posix.normalize(path).replace(/(.)\/$/, '$1')
      if (clean !== path) this.#error(`'${shorten(path)}' must be written ${shorten(clean)}`, node.at('path'))
      for (let above = posix.dirname(path); above !== '/'; above = posix.dirname(above)) {
        const leaf = leaves.get(above)
        if (leaf === undefined) continue
        this.#error(`${shorten(path)} is below ${shorten(above)}, which is ${leaf} here`, node.at('path'))
        break
      }
    }
    for (const key of ['user', 'group']) {
      const owner = node.map(key)
      if (owner.has('name') && owner.has('id'))
        this.#error(`${key} has a name and an id: one is enough`, owner.origin)
    }
    const mode = node.text('mode') ?? ''
    if (this.#language === 'ignition' && OCTAL_LOOKS.has(mode)) {
      const [is, meant] = [Number(mode).toString(8).padStart(4, '0'), Number.parseInt(mode, 8)]
      this.#add('warning', `mode is decimal: ${mode} is ${is}; 0${mode} is written ${meant}`, node.at('mode'))
    }
  }

  #hasContents(file: View): boolean {
    const contents = file.map('contents')
    return ['source', 'inline', 'local'].some(key => contents.has(key))
  }

  #filesystem(filesystem: View): void {
    const device = filesystem.text('device')
    if (device !== undefined && !device.startsWith('/'))
      this.#error(`device '${shorten(device)}' must begin with /`, filesystem.at('device'))
    const format = filesystem.text('format') ?? ''
    const label = filesystem.text('label') ?? ''
    const max = Object.hasOwn(LABEL_MAX, format) ? LABEL_MAX[format]! : Number.POSITIVE_INFINITY
    if (Buffer.byteLength(label) > max)
      this.#error(`a label of ${format} has at most ${max} characters`, filesystem.at('label'))
  }

  /** Each thing of a list is there once; paths of files are looked at where they become steps. */
  #unique(list: readonly View[], key: string): void {
    const before = new Map<string, Origin>()
    for (const one of list) {
      const text = one.text(key)
      if (text === undefined) continue
      const other = before.get(text)
      if (other !== undefined)
        this.#error(`'${shorten(text)}' is there already, in line ${other.line}`, one.at(key))
      before.set(text, one.at(key))
    }
  }

  #error(message: string, origin: Origin): void {
    this.#add('error', message, origin)
  }

  #add(severity: Severity, message: string, origin: Origin): void {
    this.findings.push({ severity, message, ...origin })
  }
}

/** A text of strangers, for one line of a message. */
function shorten(text: string): string {
  const line = text.replaceAll(/[^\x20-\x7e\u00a0-\uffff]/g, '?')
  return line.length > SHOWN_MAX ? `${line.slice(0, SHOWN_MAX)}…` : line
}
