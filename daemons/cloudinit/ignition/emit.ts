import { normalize } from 'node:path/posix'
import { Document, isScalar, visit } from 'yaml'
import { hasInstall } from '../cloudconfig/unitfile.ts'
import type { Content, Ownership, Plan, Step, Verb } from '../plan/plan.ts'
import { compileIgnition } from './compile.ts'

/** A plan in another language, and what of it is lost there. */
export interface Emitted {
  text: string
  /** One line each. */
  lost: string[]
  /** Why nobody would accept the text, one line each: what one language passes over another refuses. */
  mistakes: string[]
}

type Json = Record<string, unknown>
type StepOf<K extends Step['kind']> = Extract<Step, { kind: K }>

/** As old as what is said allows, for as many readers as there are. */
const VERSION = '3.3.0'
/** Butane's language of the same content. */
const VARIANT = { variant: 'flatcar', version: '1.0.0' }
const STARTING: ReadonlySet<Verb> = new Set(['start', 'restart', 'reload-or-restart'])
const PERMISSIONS = 0o777
const NETWORK = /\.(network|netdev|link)$/
const SCRIPT = '/opt/bin/user-data'
/** Of a file that is ours to write. */
const OURS = { mode: 0o644, overwrite: true }

/** A plan as Ignition, or as Butane. What that language can not say is told, never left out in silence. */
export function emitPlan(plan: Plan, language: 'ignition' | 'butane'): Emitted {
  const emitter = new Emitter(language)
  for (const step of plan.steps) emitter.add(step)
  const text = emitter.text()
  const mistakes = compileIgnition(text, language).findings.filter(({ severity }) => severity === 'error')
  return { text, lost: emitter.lost, mistakes: mistakes.map(({ message }) => message) }
}

class Emitter {
  readonly lost: string[] = []
  readonly #language: 'ignition' | 'butane'
  readonly #users = new Map<string, Json>()
  readonly #groups: Json[] = []
  readonly #files = new Map<string, Json>()
  /** Of files that keep their others. */
  readonly #lines = new Map<string, string[]>()
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
        this.#put('/etc/hostname', inline(step.name), OURS)
        return
      case 'group':
        this.#group(step)
        return
      case 'user':
        this.#user(step)
        return
      case 'keys':
        this.#keys(step)
        return
      case 'filesystem':
        this.#filesystem(step)
        return
      case 'directory':
        this.#directory(step)
        return
      case 'file':
        this.#file(step)
        return
      case 'link':
        this.#link(step)
        return
      case 'settings':
        this.#settings(step)
        return
      case 'unit':
        this.#unit(step)
        return
      case 'command':
        this.#command(step.unit, step.verb)
        return
      case 'script':
        this.#script(step.content)
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
        files: list(this.#allFiles()),
        links: list(this.#links),
      }),
      systemd: section({ units: list(this.#units.values()) }),
    })
    if (this.#language === 'ignition')
      return `${JSON.stringify({ ignition: { version: VERSION }, ...body }, null, 2)}\n`
    return writeYaml({ ...VARIANT, ...(snake(body) as Json) })
  }

  #user(step: StepOf<'user'>): void {
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
        sshAuthorizedKeys: before?.sshAuthorizedKeys,
      }),
    )
  }

  #group({ name, gid, passwordHash, system, present }: StepOf<'group'>): void {
    this.#groups.push(
      compact({
        name,
        gid,
        passwordHash,
        system: system || undefined,
        shouldExist: present ? undefined : false,
      }),
    )
  }

  #keys({ user: name, keys }: StepOf<'keys'>): void {
    const user = this.#users.get(name) ?? { name }
    // One who stands in two sets is one.
    const all = new Set([...((user.sshAuthorizedKeys ?? []) as string[]), ...keys])
    this.#users.set(name, { ...user, sshAuthorizedKeys: [...all] })
  }

  #filesystem({ device, format, label, uuid, wipe, options }: StepOf<'filesystem'>): void {
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
  }

  #directory(step: StepOf<'directory'>): void {
    const { overwrite } = step
    const path = normalize(step.path)
    this.#directories.push(
      compact({ path, mode: this.#mode(path, step.mode), overwrite: overwrite || undefined, ...owner(step) }),
    )
  }

  #link(step: StepOf<'link'>): void {
    const { target, hard, overwrite } = step
    const path = normalize(step.path)
    this.#links.push(
      compact({ path, target, hard: hard || undefined, overwrite: overwrite || undefined, ...owner(step) }),
    )
  }

  #file(step: StepOf<'file'>): void {
    const append = step.append.map(content => this.#resource(content))
    this.#put(step.path, step.content, {
      mode: this.#mode(normalize(step.path), step.mode),
      // Only contents overwrite anything.
      overwrite: (step.overwrite && step.content !== undefined) || undefined,
      append: append.length > 0 ? append : undefined,
      ...owner(step),
    })
  }

  #put(given: string, content: Content | undefined, more: Json): void {
    const path = normalize(given)
    const contents = content === undefined ? undefined : this.#resource(content)
    this.#files.set(path, compact({ path, contents, ...more }))
  }

  #settings({ path, values }: StepOf<'settings'>): void {
    const lines = this.#lines.get(normalize(path)) ?? []
    this.#lines.set(normalize(path), [...lines, ...values.map(({ name, value }) => `${name}=${value}\n`)])
  }

  /** Lines come behind those that there are: who reads such a file takes the last of a name. */
  #allFiles(): Json[] {
    const files = new Map(this.#files)
    for (const [path, lines] of this.#lines) {
      const file = files.get(path) ?? { path }
      const append = [...((file.append ?? []) as Json[]), this.#resource(inline(lines.join('')))]
      files.set(path, { ...file, append })
    }
    return [...files.values()]
  }

  /** Versions before 3.4.0 know nothing of these bits, and not every reader knows 3.4.0. */
  #mode(path: string, mode: number | undefined): number | undefined {
    if (mode === undefined || mode <= PERMISSIONS) return mode
    const special = (mode & ~PERMISSIONS).toString(8).padStart(5, '0')
    this.lost.push(`${path}: mode ${special} can not be said; give it by a unit`)
    return mode & PERMISSIONS
  }

  #script(content: Uint8Array): void {
    this.#put(SCRIPT, { kind: 'inline', bytes: content }, { mode: 0o755, overwrite: true })
    const contents = `[Service]\nType=oneshot\nExecStart=/bin/bash ${SCRIPT}\n\n[Install]\nWantedBy=multi-user.target\n`
    this.#units.set('user-data.service', { name: 'user-data.service', enabled: true, contents })
  }

  /** What a cloud-config keeps until the next start it writes again at that; here it is written once, to stay. */
  #unit({ name, content, dropIns, mask, enable }: StepOf<'unit'>): void {
    if (NETWORK.test(name)) {
      const path = `/etc/systemd/network/${name}`
      if (content !== undefined) this.#put(path, inline(content), OURS)
      for (const dropIn of dropIns) this.#put(`${path}.d/${dropIn.name}`, inline(dropIn.content), OURS)
      return
    }
    const before = this.#units.get(name)
    const dropins = new Map(((before?.dropins ?? []) as Json[]).map(one => [one.name, one]))
    for (const dropIn of dropIns) dropins.set(dropIn.name, { name: dropIn.name, contents: dropIn.content })
    const contents = content ?? before?.contents
    const isEnabled = enable ?? before?.enabled
    const isInVain = isEnabled === true && typeof contents === 'string' && !hasInstall(contents)
    if (isInVain) this.lost.push(`enable ${name}: does nothing without an [Install] section`)
    const merged = compact({
      name,
      enabled: isInVain ? undefined : isEnabled,
      mask: mask ?? before?.mask,
      contents,
      dropins: dropins.size > 0 ? [...dropins.values()] : undefined,
    })
    this.#units.set(name, merged)
  }

  /** To start a unit at every boot is to have it enabled: that is all there is. */
  #command(name: string, verb: Verb): void {
    const unit = this.#units.get(name) ?? { name }
    const contents = unit.contents
    const canEnable = typeof contents !== 'string' || hasInstall(contents)
    if (STARTING.has(verb) && canEnable) {
      this.#units.set(name, compact({ ...unit, enabled: true }))
      return
    }
    const instead = STARTING.has(verb)
      ? 'give it an [Install] section'
      : verb === 'stop'
        ? 'mask it'
        : 'leave it out'
    this.lost.push(`${verb} ${name}: a command can not be said; ${instead}`)
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
      source: isText ? `data:,${percentEncode(text)}` : `data:;base64,${bytes.toString('base64')}`,
    }
  }
}

/** As the documentation of Butane writes it: modes are octal. */
function writeYaml(value: Json): string {
  const document = new Document(value, { version: '1.1' })
  visit(document, {
    Pair(_key, { key, value: mode }) {
      if (isScalar(key) && key.value === 'mode' && isScalar(mode)) mode.format = 'OCT'
    },
  })
  return document.toString({ lineWidth: 0, directives: false })
}

/** A dollar stays, as addresses are put in for `$private_ipv4` before anything is decoded. */
function percentEncode(text: string): string {
  return encodeURIComponent(text).replaceAll('%24', '$')
}

function inline(text: string): Content {
  return { kind: 'inline', bytes: Buffer.from(text) }
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
