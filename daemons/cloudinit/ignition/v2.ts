import type { Value } from '../cloudconfig/document.ts'
import type { Origin } from '../plan/plan.ts'
import type { Finding, Severity } from '../plan/report.ts'
import { flagAt, mapAt, Part, resourceAt, textAt, withKeys, withoutKeys } from './values.ts'

/** Where the root was mounted while the original ran. */
const SYSROOT = '/sysroot'
const NETWORK_FOLDER = '/etc/systemd/network'
const NETWORK_FILE = /^[^/]+\.(network|netdev|link)$/

/**
 * Ignition 2 as Ignition 3, with what changes in its meaning told. Keys are those of Butane, as everywhere behind the
 * check of the schema; places stay those of the document.
 */
export function translateVersion2(value: Value): { value: Value; findings: Finding[] } {
  const translation = new Translation()
  return { value: translation.config(value), findings: translation.findings }
}

class Translation {
  readonly findings: Finding[] = []
  /** What is before the paths of a file system, by its name; undefined where nothing can be written. */
  readonly #prefixes = new Map<string, string | undefined>([['root', '']])

  config(value: Value): Value {
    const config = new Part(value)
    const { origin } = config
    this.#add(
      'warning',
      'version 2 is an old one: it is read as 3.4.0, and better written so',
      config.map('ignition').at('version'),
    )
    const sections = {
      ignition: this.#ignition(config),
      storage: this.#storage(config),
      systemd: this.#systemd(config.map('systemd')),
      passwd: this.#passwd(config.map('passwd')),
    }
    return mapAt(sections, origin)
  }

  #ignition(config: Part): Value {
    const ignition = config.map('ignition')
    const references = ignition.map('config')
    if (references.maps('append').length > 0)
      this.#add(
        'warning',
        'append is merge in version 3: what has the same path or name is one thing, and not two',
        references.at('append'),
      )
    const merge = references.each('append', one => one.whole)
    const config3 = mapAt({ merge, replace: references.find('replace') }, references.origin)
    return mapAt({ version: textAt('3.4.0', ignition.at('version')), config: config3 }, ignition.origin)
  }

  #storage(config: Part): Value {
    const storage = config.map('storage')
    for (const filesystem of storage.maps('filesystems')) this.#prefix(filesystem)
    const files = [
      ...this.#files(storage.maps('files')),
      ...config
        .map('networkd')
        .maps('units')
        .flatMap(unit => this.#networkFiles(unit)),
    ]
    const lists = {
      filesystems: storage.each('filesystems', one => this.#filesystem(one)),
      files: { kind: 'list', items: files, origin: storage.at('files') } as const,
      directories: storage.each('directories', one => this.#node(one)),
      links: storage.each('links', one => this.#node(one)),
    }
    return mapAt(lists, storage.origin)
  }

  /** Version 3 writes paths of one tree; version 2 said for each of which file system. */
  #prefix(filesystem: Part): void {
    const name = filesystem.text('name')
    if (name === undefined) return
    const path = filesystem.text('path')
    const isBelow = path !== undefined && (path === SYSROOT || path.startsWith(`${SYSROOT}/`))
    this.#prefixes.set(name, isBelow ? path.slice(SYSROOT.length).replace(/\/$/, '') : undefined)
  }

  #filesystem(filesystem: Part): Value | undefined {
    if (!filesystem.has('mount')) return undefined
    const mount = filesystem.map('mount')
    const create = mount.map('create')
    if (create.flag('force') === true)
      this.#add('warning', 'create.force is wipeFilesystem in version 3', create.at('force'))
    const values = {
      ...mount.pick(['device', 'format', 'label', 'uuid']),
      wipe_filesystem: mount.find('wipe_filesystem') ?? create.find('force'),
      options: mount.find('options') ?? create.find('options'),
    }
    return mapAt(values, filesystem.origin)
  }

  /** Several files of one path were allowed: what is appended belongs to the one before it. */
  #files(files: readonly Part[]): Value[] {
    const byPath = new Map<string, { value: Value; appended: Value[] }>()
    for (const file of files) {
      const value = this.#file(file)
      if (value === undefined) continue
      const path = new Part(value).text('path') ?? ''
      const contents = file.find('contents')
      const before = byPath.get(path)
      if (file.flag('append') === true) {
        if (file.flag('overwrite') === true)
          this.#add('error', 'append and overwrite exclude each other', file.at('overwrite'))
        if (contents === undefined) continue
        if (before === undefined) byPath.set(path, { value, appended: [contents] })
        else before.appended.push(contents)
        continue
      }
      if (before !== undefined)
        this.#add('warning', `${path} is there already: the last one counts`, file.at('path'))
      byPath.set(path, { value, appended: [] })
    }
    return [...byPath.values()].map(({ value, appended }) =>
      appended.length === 0
        ? value
        : withKeys(value, { append: { kind: 'list', items: appended, origin: value.origin } }),
    )
  }

  #file(file: Part): Value | undefined {
    const node = this.#node(file)
    if (node === undefined) return undefined
    if (file.flag('append') === true) return withoutKeys(node, ['append', 'overwrite', 'contents'])
    // A file was written over what was there unless told otherwise, and one without contents was an empty one.
    const isKept = file.flag('overwrite') === false
    const contents = file.map('contents').has('source')
      ? file.find('contents')
      : resourceAt(new Uint8Array(), file.origin)
    return withKeys(withoutKeys(node, ['append']), { overwrite: flagAt(!isKept, file.origin), contents })
  }

  /** A file, directory or link with the path that version 3 has for it. */
  #node(node: Part): Value | undefined {
    const filesystem = node.text('filesystem')
    const path = node.text('path')
    const prefix = filesystem === undefined ? undefined : this.#prefixes.get(filesystem)
    if (filesystem === undefined) this.#add('error', 'filesystem is missing, mostly "root"', node.origin)
    else if (prefix === undefined) {
      const known = this.#prefixes.has(filesystem)
      const why = known
        ? 'it is not mounted yet; write where it will be mounted'
        : 'there is no such file system'
      this.#add(
        'error',
        `not supported: a path on the file system "${filesystem}": ${why}`,
        node.at('filesystem'),
      )
    }
    if (prefix === undefined) return undefined
    const plain = withoutKeys(node.whole, ['filesystem'])
    return path === undefined || prefix === ''
      ? plain
      : withKeys(plain, { path: textAt(`${prefix}${path}`, node.at('path')) })
  }

  #networkFiles(unit: Part): Value[] {
    const name = unit.text('name') ?? ''
    if (!NETWORK_FILE.test(name)) {
      this.#add('error', `'${name}' must end in .network, .netdev or .link`, unit.at('name'))
      return []
    }
    const path = `${NETWORK_FOLDER}/${name}`
    const contents = unit.text('contents')
    const parts = contents === undefined ? [] : [written(path, contents, unit.origin)]
    const dropIns = unit
      .maps('dropins')
      .map(one => written(`${path}.d/${one.text('name') ?? ''}`, one.text('contents') ?? '', one.origin))
    return [...parts, ...dropIns]
  }

  #systemd(systemd: Part): Value {
    const units = systemd.each('units', unit => {
      const value = withoutKeys(unit.whole, ['enable'])
      // `enable: false` left a unit as it was, where `enabled: false` disables it.
      const enables = unit.flag('enable') === true && unit.flag('enabled') === undefined
      return enables ? withKeys(value, { enabled: unit.find('enable') }) : value
    })
    return mapAt({ units }, systemd.origin)
  }

  #passwd(passwd: Part): Value {
    const users = passwd.each('users', user => {
      const value = withoutKeys(user.whole, ['create'])
      const create = user.map('create').whole
      if (value.kind !== 'map' || create.kind !== 'map') return value
      // What stands beside `create` counts before what is in it.
      const own = Object.fromEntries(value.entries.map(entry => [entry.key, entry.value]))
      return withKeys({ ...create, origin: value.origin }, own)
    })
    return mapAt({ users, groups: passwd.find('groups') }, passwd.origin)
  }

  #add(severity: Severity, message: string, origin: Origin): void {
    this.findings.push({ severity, message, ...origin })
  }
}

/** A file that is written whole. */
function written(path: string, contents: string, origin: Origin): Value {
  return mapAt(
    {
      path: textAt(path, origin),
      overwrite: flagAt(true, origin),
      contents: resourceAt(Buffer.from(contents, 'utf8'), origin),
    },
    origin,
  )
}
