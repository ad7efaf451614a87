import { stringify } from 'yaml'
import { hasInstall } from '../cloudconfig/unitfile.ts'
import { describeStep } from '../plan/describe.ts'
import type { Content, FileStep, Ownership, Plan, Step, UnitStep } from '../plan/plan.ts'

/** A plan in another language, and what of it is lost there. */
export interface Emitted {
  text: string
  /** One line each. */
  lost: string[]
}

type Json = Record<string, unknown>

const VERSION = '3.4.0'
/** Butane's language of the same content. */
const VARIANT = { variant: 'flatcar', version: '1.1.0' }
const NETWORK = /\.(network|netdev|link)$/
const SCRIPT = '/opt/bin/user-data'
const MODE = 0o644

/** A plan as Ignition, or as Butane. What that language can not say is told, never left out in silence. */
export function emitPlan(plan: Plan, language: 'ignition' | 'butane'): Emitted {
  const emitter = new Emitter(language)
  for (const step of plan.steps) emitter.add(step)
  return { text: emitter.text(), lost: emitter.lost }
}

class Emitter {
  readonly lost: string[] = []
  readonly #language: 'ignition' | 'butane'
  readonly #users = new Map<string, Json>()
  readonly #groups: Json[] = []
  readonly #files = new Map<string, Json>()
  readonly #directories: Json[] = []
  readonly #links: Json[] = []
  readonly #filesystems: Json[] = []
  readonly #units = new Map<string, Json>()

  constructor(language: 'ignition' | 'butane') {
    this.#language = language
  }

  add(step: Step): void {
    switch (step.kind) {
      case 'hostname':
        this.#put(
          '/etc/hostname',
          { kind: 'inline', bytes: Buffer.from(step.name) },
          { mode: MODE, overwrite: true },
        )
        return
      case 'group':
        this.#groups.push(
          compact({
            name: step.name,
            gid: step.gid,
            passwordHash: step.passwordHash,
            system: step.system || undefined,
            shouldExist: step.present ? undefined : false,
          }),
        )
        return
      case 'user':
        this.#user(step)
        return
      case 'keys': {
        const user = this.#users.get(step.user) ?? { name: step.user }
        const keys = (user['sshAuthorizedKeys'] ?? []) as string[]
        this.#users.set(step.user, { ...user, sshAuthorizedKeys: [...keys, ...step.keys] })
        return
      }
      case 'filesystem': {
        const { device, format, label, uuid, wipe, options } = step
        this.#filesystems.push(
          compact({
            device,
            format,
            label,
            uuid,
            wipeFilesystem: wipe || undefined,
            options: options.length > 0 ? options : undefined,
          }),
        )
        return
      }
      case 'directory':
        this.#directories.push(
          compact({
            path: step.path,
            mode: step.mode,
            overwrite: step.overwrite || undefined,
            ...owner(step),
          }),
        )
        return
      case 'file':
        this.#file(step)
        return
      case 'link':
        this.#links.push(
          compact({
            path: step.path,
            target: step.target,
            hard: step.hard || undefined,
            overwrite: step.overwrite || undefined,
            ...owner(step),
          }),
        )
        return
      default:
        this.#rest(step)
    }
  }

  text(): string {
    const list = (items: Iterable<Json>) => {
      const all = [...items]
      return all.length === 0 ? undefined : all
    }
    const section = (fields: Json) =>
      Object.values(fields).some(value => value !== undefined) ? compact(fields) : undefined
    const body = compact({
      passwd: section({ users: list(this.#users.values()), groups: list(this.#groups) }),
      storage: section({
        filesystems: list(this.#filesystems),
        directories: list(this.#directories),
        files: list(this.#files.values()),
        links: list(this.#links),
      }),
      systemd: section({ units: list(this.#units.values()) }),
    })
    if (this.#language === 'ignition')
      return `${JSON.stringify({ ignition: { version: VERSION }, ...body }, null, 2)}\n`
    return stringify({ ...VARIANT, ...(snake(body) as Json) }, { lineWidth: 0 })
  }

  #user(step: Extract<Step, { kind: 'user' }>): void {
    const before = this.#users.get(step.name)
    this.#users.set(
      step.name,
      compact({
        name: step.name,
        passwordHash: step.passwordHash,
        uid: step.uid,
        gecos: step.gecos,
        homeDir: step.home,
        noCreateHome: step.createHome ? undefined : true,
        primaryGroup: step.primaryGroup,
        noUserGroup: step.ownGroup ? undefined : true,
        groups: step.groups.length > 0 ? step.groups : undefined,
        shell: step.shell,
        system: step.system || undefined,
        shouldExist: step.present ? undefined : false,
        sshAuthorizedKeys: before?.['sshAuthorizedKeys'],
      }),
    )
  }

  #file(step: FileStep): void {
    const append = step.append.map(content => this.#resource(content))
    this.#put(step.path, step.content, {
      mode: step.mode,
      overwrite: step.overwrite || undefined,
      append: append.length > 0 ? append : undefined,
      ...owner(step),
    })
  }

  #put(path: string, content: Content | undefined, more: Json): void {
    const contents = content === undefined ? undefined : this.#resource(content)
    this.#files.set(path, compact({ path, contents, ...more }))
  }

  #rest(step: Step): void {
    if (step.kind === 'unit') this.#unit(step)
    else if (step.kind === 'command') this.#command(step.unit, step.verb)
    else if (step.kind === 'script') {
      this.#put(SCRIPT, { kind: 'inline', bytes: step.content }, { mode: 0o755, overwrite: true })
      const contents = `[Service]\nType=oneshot\nExecStart=/bin/bash ${SCRIPT}\n\n[Install]\nWantedBy=multi-user.target\n`
      this.#units.set('user-data.service', { name: 'user-data.service', enabled: true, contents })
    } else this.lost.push(`${describeStep(step)}: lines within a file can not be said; write the whole file`)
  }

  #unit(step: UnitStep): void {
    const { name, content, dropIns, mask, enable } = step
    if (NETWORK.test(name)) {
      if (content !== undefined)
        this.#put(
          `/etc/systemd/network/${name}`,
          { kind: 'inline', bytes: Buffer.from(content) },
          { mode: MODE, overwrite: true },
        )
      return
    }
    const before = this.#units.get(name)
    const dropins = [
      ...((before?.['dropins'] ?? []) as Json[]),
      ...dropIns.map(dropIn => ({ name: dropIn.name, contents: dropIn.content })),
    ]
    const merged = compact({
      name,
      enabled: enable ?? before?.['enabled'],
      mask: mask ?? before?.['mask'],
      contents: content ?? before?.['contents'],
      dropins: dropins.length > 0 ? dropins : undefined,
    })
    this.#units.set(name, merged)
  }

  /** To start a unit is to have it enabled: that is all there is. */
  #command(name: string, verb: string): void {
    const unit = this.#units.get(name) ?? { name }
    const contents = unit['contents']
    if (verb === 'stop' || verb.startsWith('try') || (typeof contents === 'string' && !hasInstall(contents)))
      this.lost.push(
        `${verb} ${name}: a command can not be said; ${verb === 'stop' ? 'mask it' : 'give it an [Install] section and enable it'}`,
      )
    else this.#units.set(name, compact({ ...unit, enabled: true }))
  }

  #resource(content: Content): Json {
    if (content.kind === 'remote') {
      const { url, headers, compression, hash } = content
      return compact({
        source: url,
        compression: compression === 'none' ? undefined : compression,
        httpHeaders: headers.length > 0 ? headers : undefined,
        verification: hash === undefined ? undefined : { hash: `${hash.algorithm}-${hash.digest}` },
      })
    }
    const bytes = Buffer.from(content.bytes)
    const text = bytes.toString('utf8')
    const isText = Buffer.from(text, 'utf8').equals(bytes) && !text.includes('\0')
    if (isText && this.#language === 'butane') return { inline: text }
    return {
      source: isText ? `data:,${encodeURIComponent(text)}` : `data:;base64,${bytes.toString('base64')}`,
    }
  }
}

function owner({ user, group }: Ownership): Json {
  const named = (name: string | undefined) =>
    name === undefined ? undefined : /^\d+$/.test(name) ? { id: Number(name) } : { name }
  return { user: named(user), group: named(group) }
}

function compact(fields: Json): Json {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

/** Keys in the manner of Butane. */
function snake(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snake)
  if (typeof value !== 'object' || value === null) return value
  const name = (key: string) => key.replaceAll(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [name(key), snake(one)]))
}
