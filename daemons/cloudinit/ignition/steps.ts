import { checkUnitFile } from '../cloudconfig/unitfile.ts'
import type { View } from '../cloudconfig/view.ts'
import type { Content, FilesystemStep, Origin, Ownership, Step } from '../plan/plan.ts'
import type { Finding } from '../plan/report.ts'
import { type Language, modeOf } from './check.ts'
import { ResourceError, readResource } from './resource.ts'

const FORMATS = ['ext4', 'vfat', 'swap'] as const
const KEY_SET = 'ignition'

/** The steps of a configuration that is whole and of the right types. What can not be is told, and left out. */
export function compileSteps(config: View, language: Language, findings: Finding[]): Step[] {
  return new Compiler(language, findings).compile(config)
}

class Compiler {
  readonly #language: Language
  readonly #findings: Finding[]
  readonly #paths = new Map<string, Origin>()

  constructor(language: Language, findings: Finding[]) {
    this.#language = language
    this.#findings = findings
  }

  compile(config: View): Step[] {
    const [passwd, storage, systemd] = [config.map('passwd'), config.map('storage'), config.map('systemd')]
    return [
      ...passwd.maps('groups').flatMap(group => this.#group(group)),
      ...passwd.maps('users').flatMap(user => this.#user(user)),
      ...storage.maps('filesystems').flatMap(filesystem => this.#filesystem(filesystem)),
      ...storage.maps('directories').flatMap(directory => this.#directory(directory)),
      ...storage.maps('files').flatMap(file => this.#file(file)),
      ...storage.maps('links').flatMap(link => this.#link(link)),
      ...systemd.maps('units').flatMap(unit => this.#unit(unit)),
    ]
  }

  #group(group: View): Step[] {
    const name = this.#need(group, 'name')
    if (name === undefined) return []
    const gid = group.text('gid')
    const passwordHash = group.text('password_hash')
    return [
      {
        kind: 'group',
        name,
        ...(gid === undefined ? {} : { gid: Number(gid) }),
        ...(passwordHash === undefined ? {} : { passwordHash }),
        system: group.flag('system') === true,
        present: group.flag('should_exist') !== false,
        origin: group.origin,
      },
    ]
  }

  #user(user: View): Step[] {
    const name = this.#need(user, 'name')
    if (name === undefined) return []
    const { origin } = user
    const uid = user.text('uid')
    const texts = [
      ['passwordHash', user.text('password_hash')],
      ['gecos', user.text('gecos')],
      ['home', user.text('home_dir')],
      ['primaryGroup', user.text('primary_group')],
      ['shell', user.text('shell')],
    ].filter(([, text]) => text !== undefined)
    const steps: Step[] = [
      {
        kind: 'user',
        name,
        ...Object.fromEntries(texts),
        ...(uid === undefined ? {} : { uid: Number(uid) }),
        createHome: user.flag('no_create_home') !== true,
        ownGroup: user.flag('no_user_group') !== true,
        groups: user.texts('groups').map(({ text }) => text),
        system: user.flag('system') === true,
        present: user.flag('should_exist') !== false,
        existing: 'all',
        origin,
      },
    ]
    const keys = user.texts('ssh_authorized_keys').map(({ text }) => text.trim())
    if (keys.length > 0) steps.push({ kind: 'keys', user: name, set: KEY_SET, keys, origin })
    return steps
  }

  #filesystem(filesystem: View): Step[] {
    const device = this.#need(filesystem, 'device')
    const wanted = filesystem.text('format')
    const format = FORMATS.find(one => one === wanted)
    if (device === undefined) return []
    if (format === undefined) {
      this.#error(
        `not supported: format '${wanted ?? ''}'; there are ${FORMATS.join(', ')}`,
        filesystem.at('format'),
      )
      return []
    }
    const [label, uuid] = [filesystem.text('label'), filesystem.text('uuid')]
    const step: FilesystemStep = {
      kind: 'filesystem',
      device,
      format,
      ...(label === undefined ? {} : { label }),
      ...(uuid === undefined ? {} : { uuid }),
      wipe: filesystem.flag('wipe_filesystem') === true,
      options: filesystem.texts('options').map(({ text }) => text),
      origin: filesystem.origin,
    }
    return [step, ...this.#mount(filesystem, step)]
  }

  /** Butane's with_mount_unit. Ignition's own `path` is where files of that very configuration go, and needs one too. */
  #mount(filesystem: View, { device, format, origin }: FilesystemStep): Step[] {
    const path = filesystem.text('path')
    if (filesystem.flag('with_mount_unit') !== true) {
      if (path !== undefined)
        this.#error(
          'path needs with_mount_unit: nothing is mounted before the machine has started',
          filesystem.at('path'),
        )
      return []
    }
    const isSwap = format === 'swap'
    if (path === undefined && !isSwap) {
      this.#error('with_mount_unit needs a path', filesystem.at('with_mount_unit'))
      return []
    }
    const options = filesystem.texts('mount_options').map(({ text }) => text)
    const name = `${escapePath(isSwap ? device : path!)}.${isSwap ? 'swap' : 'mount'}`
    const lines = isSwap
      ? ['[Swap]', `What=${device}`]
      : ['[Mount]', `What=${device}`, `Where=${path}`, `Type=${format}`]
    const content = [
      ...lines,
      ...(options.length > 0 ? [`Options=${options.join(',')}`] : []),
      '',
      '[Install]',
      `WantedBy=${isSwap ? 'swap.target' : 'local-fs.target'}`,
      '',
    ].join('\n')
    return [{ kind: 'unit', name, runtime: false, content, dropIns: [], enable: true, origin }]
  }

  #directory(directory: View): Step[] {
    const path = this.#path(directory)
    if (path === undefined) return []
    const overwrite = directory.flag('overwrite') === true
    return [
      {
        kind: 'directory',
        path,
        ...this.#mode(directory),
        ...ownerOf(directory),
        overwrite,
        origin: directory.origin,
      },
    ]
  }

  #file(file: View): Step[] {
    const path = this.#path(file)
    if (path === undefined) return []
    const content = this.#content(file.map('contents'))
    const append = file.maps('append').map(one => this.#content(one))
    return [
      {
        kind: 'file',
        path,
        ...(content === undefined ? {} : { content }),
        append: append.filter(one => one !== undefined),
        ...this.#mode(file),
        ...ownerOf(file),
        overwrite: file.flag('overwrite') === true,
        origin: file.origin,
      },
    ]
  }

  #link(link: View): Step[] {
    const path = this.#path(link)
    const target = this.#need(link, 'target')
    if (path === undefined || target === undefined) return []
    const [hard, overwrite] = [link.flag('hard') === true, link.flag('overwrite') === true]
    return [{ kind: 'link', path, target, hard, ...ownerOf(link), overwrite, origin: link.origin }]
  }

  #unit(unit: View): Step[] {
    const name = this.#need(unit, 'name')
    if (name === undefined) return []
    const [content, mask, enable] = [unit.text('contents'), unit.flag('mask'), unit.flag('enabled')]
    const dropIns = unit
      .maps('dropins')
      .map(dropIn => ({ name: dropIn.text('name') ?? '', content: dropIn.text('contents') ?? '' }))
    for (const [text, at] of [
      [content ?? '', unit.at('contents')],
      ...unit.maps('dropins').map(one => [one.text('contents') ?? '', one.at('contents')] as const),
    ] as const)
      for (const { message } of checkUnitFile(text)) this.#error(`${name}: ${message}`, at)
    return [
      {
        kind: 'unit',
        name,
        runtime: false,
        ...(content === undefined ? {} : { content }),
        dropIns,
        ...(mask === undefined ? {} : { mask }),
        ...(enable === undefined ? {} : { enable }),
        origin: unit.origin,
      },
    ]
  }

  #content(resource: View): Content | undefined {
    try {
      return readResource(resource)
    } catch (error) {
      if (!(error instanceof ResourceError)) throw error
      this.#error(error.message, error.origin)
      return undefined
    }
  }

  #mode(holder: View): { mode?: number } {
    const text = holder.text('mode')
    const mode = text === undefined ? undefined : modeOf(text, this.#language)
    return mode === undefined ? {} : { mode }
  }

  /** A path is that of one thing only. */
  #path(holder: View): string | undefined {
    const path = this.#need(holder, 'path')
    if (path === undefined) return undefined
    const at = holder.at('path')
    if (!path.startsWith('/')) this.#error(`'${path}' must begin with /`, at)
    if (/^\/usr(\/|$)/.test(path)) this.#error(`${path} is in /usr, which can not be written`, at)
    const before = this.#paths.get(path)
    if (before !== undefined)
      this.#error(`${path} is there already${before.line > 0 ? `, in line ${before.line}` : ''}`, at)
    this.#paths.set(path, at)
    return path
  }

  #need(holder: View, key: string): string | undefined {
    const text = holder.text(key)
    if (text === undefined) this.#error(`${holder.origin.path} needs a ${key}`, holder.origin)
    return text
  }

  #error(message: string, origin: Origin): void {
    this.#findings.push({ severity: 'error', message, ...origin })
  }
}

function ownerOf(holder: View): Ownership {
  const [user, group] = ['user', 'group'].map(
    key => holder.map(key).text('name') ?? holder.map(key).text('id'),
  )
  return { ...(user === undefined ? {} : { user }), ...(group === undefined ? {} : { group }) }
}

/** The name of a unit for a path (systemd-escape --path). */
export function escapePath(path: string): string {
  const plain = path.replaceAll(/\/+/g, '/').replaceAll(/^\/|\/$/g, '')
  if (plain === '') return '-'
  const bytes = Buffer.from(plain, 'utf8')
  return [...bytes]
    .map((byte, index) => {
      const letter = String.fromCharCode(byte)
      if (letter === '/') return '-'
      const isPlain = /[A-Za-z0-9:_.]/.test(letter) && !(index === 0 && letter === '.')
      return isPlain ? letter : `\\x${byte.toString(16).padStart(2, '0')}`
    })
    .join('')
}
