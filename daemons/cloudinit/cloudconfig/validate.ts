import type { Origin } from '../plan/plan.ts'
import type { Finding, Severity } from '../plan/report.ts'
import { decodeContent } from './decode.ts'
import { GONE } from './gone.ts'
import { checkUnitFile, hasInstall } from './unitfile.ts'
import type { View } from './view.ts'

const UNIT_SUFFIX =
  /\.(service|socket|device|mount|automount|swap|target|path|timer|slice|scope|network|netdev|link)$/
const UNIT_NAME = /^[A-Za-z0-9:_.\\-]+(@[A-Za-z0-9:_.\\-]*)?$/
const KEY = /^(?:[^"\s]*(?:"[^"]*"[^"\s]*)*\s+)?((ssh|ecdsa|sk)-[\w@.-]+)\s+[A-Za-z0-9+/]{16,}={0,2}(\s.*)?$/
/** Hashes of crypt(5), or none that anything equals. */
const HASH = /^([!*].*|\$[A-Za-z0-9]+\$.+|_[./A-Za-z0-9]{19}|[./A-Za-z0-9]{13})$/
/** What the schema can not say: paths, keys, hashes, names of units and what is in them. */
export function validate(config: View): Finding[] {
  const validator = new Validator()
  validator.files(config)
  validator.users(config)
  validator.coreos(config.map('coreos'))
  return validator.findings
}

class Validator {
  readonly findings: Finding[] = []

  files(config: View): void {
    const paths = new Map<string, Origin>()
    for (const file of config.maps('write_files')) {
      const path = file.text('path')
      if (path === undefined || !path.startsWith('/')) {
        this.#add(
          'error',
          `a file needs a path that begins with /${path === undefined ? '' : `, not ${path}`}`,
          file.at('path'),
        )
        continue
      }
      if (/^\/usr(\/|$)/.test(path.replaceAll(/\/+/g, '/')))
        this.#add('error', `${path} is in /usr, which can not be written`, file.at('path'))
      const before = paths.get(path)
      if (before !== undefined)
        this.#add('error', `${path} is written already in line ${before.line}`, file.at('path'))
      paths.set(path, file.at('path'))
      const encoding = file.text('encoding') ?? ''
      if (encoding !== '' && decodeContent(file.text('content') ?? '', encoding) === undefined)
        this.#add('error', `content cannot be decoded as "${encoding}"`, file.at('content'))
    }
  }

  users(config: View): void {
    this.#keys(config)
    for (const user of config.maps('users')) {
      if (user.text('name') === undefined)
        this.#add('warning', 'a user without a name is passed over', user.origin)
      const hash = user.text('passwd')
      if (hash !== undefined && !HASH.test(hash))
        this.#add(
          'error',
          'passwd must be a hash of crypt(5), such as from `mkpasswd -m sha512crypt`',
          user.at('passwd'),
        )
      this.#keys(user)
    }
  }

  coreos(coreos: View): void {
    const units = new Map<string, Origin>()
    for (const unit of coreos.maps('units')) this.#unit(unit, units)
    if (coreos.has('write_files'))
      this.#add('info', 'write_files is no part of coreos: move it to the left', coreos.at('write_files'))
    for (const section of ['etcd', 'etcd2']) {
      const url = coreos.map(section).text('discovery')
      if (url !== undefined && !/^https?:\/\/[^\s/<>]+\/[^\s<>]+$/.test(url))
        this.#add('warning', `discovery: ${url} is no URL of a token`, coreos.map(section).at('discovery'))
    }
    if (coreos.has('flannel'))
      this.#add('warning', `flannel: ${GONE['flanneld.service']}`, coreos.at('flannel'))
  }

  #unit(unit: View, units: Map<string, Origin>): void {
    const name = unit.text('name')
    const at = unit.at('name')
    if (name === undefined) {
      this.#add('error', 'a unit needs a name', unit.origin)
      return
    }
    if (!UNIT_NAME.test(name) || !UNIT_SUFFIX.test(name)) {
      this.#add('error', `'${name}' is no name of a unit, such as hello.service`, at)
      return
    }
    const before = units.get(name)
    if (before !== undefined) this.#add('warning', `unit ${name} is there already in line ${before.line}`, at)
    units.set(name, at)
    const gone = GONE[name]
    const content = unit.text('content')
    if (gone !== undefined && content === undefined) this.#add('warning', `${name}: ${gone}`, at)
    if (content !== undefined) {
      this.#unitFile(content, unit.at('content'))
      if (unit.flag('enable') === true && !hasInstall(content))
        this.#add('warning', `${name}: enable does nothing without an [Install] section`, unit.at('enable'))
    }
    for (const dropIn of unit.maps('drop_ins')) {
      if (!/^[^/]+\.conf$/.test(dropIn.text('name') ?? ''))
        this.#add('error', `a drop-in needs a file name that ends in .conf`, dropIn.at('name'))
      this.#unitFile(dropIn.text('content') ?? '', dropIn.at('content'))
    }
  }

  /** A content of several lines begins in the line after its key. */
  #unitFile(text: string, key: Origin): void {
    for (const { line, message } of checkUnitFile(text))
      this.#add('warning', message, {
        ...key,
        line: text.includes('\n') ? key.line + line : key.line,
        column: 0,
      })
  }

  #keys(holder: View): void {
    for (const { text, origin } of holder.texts('ssh_authorized_keys'))
      if (!KEY.test(text.trim())) this.#add('error', `'${text.slice(0, 40)}' is no public key of SSH`, origin)
  }

  #add(severity: Severity, message: string, origin: Origin): void {
    this.findings.push({ severity, message, ...origin })
  }
}
