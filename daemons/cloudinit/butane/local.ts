import { posix } from 'node:path'
import type { Value } from '../cloudconfig/document.ts'
import { mapAt, Part, resourceAt, textAt, withKeys, withoutKeys } from '../ignition/values.ts'
import type { Origin } from '../plan/plan.ts'
import type { Finding } from '../plan/report.ts'

/** What is at a path beside a configuration. */
export type Local =
  | { kind: 'file'; bytes: Uint8Array; isExecutable: boolean }
  /** Names of what is in it. */
  | { kind: 'directory'; names: readonly string[] }
  | { kind: 'link'; target: string }

/** Looks at a path that is below the folder of files, and written without `..`; undefined: nothing is there. */
export type Locals = (path: string) => Local | undefined

/** Of all trees of a configuration together. */
export const TREE_ENTRIES_MAX = 10_000
/** Of all files that are put into a configuration. */
export const LOCAL_BYTES_MAX = 64 * 1024 * 1024
const DEPTH_MAX = 64
const EXECUTABLE = '0755'
const PLAIN = '0644'

/**
 * Puts what stands in files beside a Butane configuration into it: `local`, `contents_local`,
 * `ssh_authorized_keys_local` and `trees`. What comes back needs no files any more.
 */
export function embedLocals(value: Value, locals: Locals): { value: Value; findings: Finding[] } {
  const embedder = new Embedder(locals)
  return { value: embedder.config(new Part(value)), findings: embedder.findings }
}

class Embedder {
  readonly findings: Finding[] = []
  readonly #locals: Locals
  #bytes = 0
  #entries = 0

  constructor(locals: Locals) {
    this.#locals = locals
  }

  config(config: Part): Value {
    if (config.whole.kind !== 'map') return config.whole
    return withKeys(config.whole, {
      ignition: config.has('ignition') ? this.#ignition(config.map('ignition')) : undefined,
      storage: config.has('storage') ? this.#storage(config.map('storage')) : undefined,
      systemd: config.has('systemd') ? this.#systemd(config.map('systemd')) : undefined,
      passwd: config.has('passwd') ? this.#passwd(config.map('passwd')) : undefined,
    })
  }

  #ignition(ignition: Part): Value {
    if (!ignition.has('config')) return ignition.whole
    const config = ignition.map('config')
    const merge = config.each('merge', one => this.#resource(one))
    const replace = config.has('replace') ? this.#resource(config.map('replace')) : undefined
    return withKeys(ignition.whole, { config: withKeys(config.whole, { merge, replace }) })
  }

  #storage(storage: Part): Value {
    const files = storage.each('files', file =>
      withKeys(file.whole, {
        contents: file.has('contents') ? this.#resource(file.map('contents')) : undefined,
        append: file.each('append', one => this.#resource(one)),
      }),
    )
    const whole = withKeys(storage.whole, { files })
    const trees = storage.maps('trees')
    if (trees.length === 0) return whole
    const nodes = new Nodes(new Part(whole))
    for (const tree of trees) this.#tree(tree, nodes)
    this.findings.push(...nodes.findings)
    return withKeys(withoutKeys(whole, ['trees']), nodes.lists(storage.origin))
  }

  #tree(tree: Part, nodes: Nodes): void {
    const base = this.#path(tree, 'local')
    if (base === undefined) return
    const found = this.#locals(base)
    if (found?.kind !== 'directory') {
      this.#error(found === undefined ? `there is no ${base}` : `${base} is no directory`, tree.at('local'))
      return
    }
    this.#walk(base, tree.text('path') ?? '/', found, 0, tree.at('local'), nodes)
  }

  #walk(from: string, to: string, local: Local, depth: number, origin: Origin, nodes: Nodes): void {
    if (++this.#entries > TREE_ENTRIES_MAX || depth > DEPTH_MAX) {
      if (this.#entries === TREE_ENTRIES_MAX + 1 || depth === DEPTH_MAX + 1)
        this.#error(`${from}: trees have more than ${TREE_ENTRIES_MAX} entries, or are too deep`, origin)
      return
    }
    if (local.kind === 'file') {
      const contents = this.#embedded(local.bytes, from, origin)
      nodes.file(to, contents, local.isExecutable ? EXECUTABLE : PLAIN, origin)
    } else if (local.kind === 'link') nodes.link(to, local.target, origin)
    else
      for (const name of [...local.names].sort()) {
        const inner = this.#locals(posix.join(from, name))
        if (inner !== undefined)
          this.#walk(posix.join(from, name), posix.join(to, name), inner, depth + 1, origin, nodes)
      }
  }

  #systemd(systemd: Part): Value {
    const units = systemd.each('units', unit =>
      withKeys(this.#contents(unit), { dropins: unit.each('dropins', dropIn => this.#contents(dropIn)) }),
    )
    return withKeys(systemd.whole, { units })
  }

  /** A unit or drop-in whose text may be in a file. */
  #contents(holder: Part): Value {
    if (!holder.has('contents_local')) return holder.whole
    const at = holder.at('contents_local')
    if (holder.has('contents')) this.#error('contents and contents_local exclude each other', at)
    const text = this.#text(holder, 'contents_local')
    return withKeys(withoutKeys(holder.whole, ['contents_local']), {
      contents: text === undefined ? undefined : textAt(text, at),
    })
  }

  #passwd(passwd: Part): Value {
    const users = passwd.each('users', user => {
      const list = user.find('ssh_authorized_keys_local')
      if (list?.kind !== 'list') return user.whole
      const before = user.find('ssh_authorized_keys')
      const own = before?.kind === 'list' ? before.items : []
      const keys = list.items.flatMap(item => {
        const text = this.#text(new Part(mapAt({ local: item }, item.origin)), 'local') ?? ''
        const lines = text.split('\n').map(line => line.trim())
        return lines
          .filter(line => line !== '' && !line.startsWith('#'))
          .map(line => textAt(line, item.origin))
      })
      return withKeys(withoutKeys(user.whole, ['ssh_authorized_keys_local']), {
        ssh_authorized_keys: { kind: 'list', items: [...own, ...keys], origin: list.origin },
      })
    })
    return withKeys(passwd.whole, { users })
  }

  #resource(resource: Part): Value {
    if (!resource.has('local')) return resource.whole
    const at = resource.at('local')
    const rest = withoutKeys(resource.whole, ['local'])
    const other = ['inline', 'source'].find(key => resource.has(key))
    if (other !== undefined) {
      this.#error(`local and ${other} exclude each other`, at)
      return rest
    }
    const path = this.#path(resource, 'local')
    const bytes = path === undefined ? undefined : this.#file(path, at)
    if (bytes === undefined || path === undefined) return rest
    return withKeys(rest, { source: new Part(this.#embedded(bytes, path, at)).find('source') })
  }

  #text(holder: Part, key: string): string | undefined {
    const path = this.#path(holder, key)
    const bytes = path === undefined ? undefined : this.#file(path, holder.at(key))
    if (bytes === undefined) return undefined
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    } catch {
      this.#error(`${path} is no text`, holder.at(key))
      return undefined
    }
  }

  #file(path: string, origin: Origin): Uint8Array | undefined {
    const local = this.#locals(path)
    if (local?.kind === 'file') return local.bytes
    this.#error(local === undefined ? `there is no ${path}` : `${path} is no file`, origin)
    return undefined
  }

  /** A resource of the bytes of a file, or of none when there are too many. */
  #embedded(bytes: Uint8Array, path: string, origin: Origin): Value {
    const before = this.#bytes
    this.#bytes += bytes.length
    const isTooMuch = this.#bytes > LOCAL_BYTES_MAX
    if (isTooMuch && before <= LOCAL_BYTES_MAX)
      this.#error(`${path}: files of more than ${LOCAL_BYTES_MAX} bytes together`, origin)
    return resourceAt(isTooMuch ? new Uint8Array() : bytes, origin)
  }

  /** A path that stays below the folder of files. */
  #path(holder: Part, key: string): string | undefined {
    const path = holder.text(key)
    if (path === undefined) {
      this.#error(`"${key}" is missing`, holder.origin)
      return undefined
    }
    const clean = posix.normalize(path).replace(/(.)\/$/, '$1')
    if (!path.startsWith('/') && clean !== '..' && !clean.startsWith('../')) return clean
    this.#error(`'${path}' is outside of the folder of files`, holder.at(key))
    return undefined
  }

  #error(message: string, origin: Origin): void {
    this.findings.push({ severity: 'error', message, ...origin })
  }
}

/** Files and links of a configuration, those of trees among them. What is said of one of a tree counts. */
class Nodes {
  readonly findings: Finding[] = []
  readonly #files: Map<string, Value>
  readonly #links: Map<string, Value>

  constructor(storage: Part) {
    const byPath = (key: string) =>
      new Map(storage.maps(key).map((one, index) => [one.text('path') ?? `#${index}`, one.whole]))
    this.#files = byPath('files')
    this.#links = byPath('links')
  }

  file(path: string, contents: Value, mode: string, origin: Origin): void {
    const before = this.#files.get(path)
    if (before !== undefined && new Part(before).has('contents')) {
      this.#twice(path, 'contents', origin)
      return
    }
    const fresh = mapAt(
      { path: textAt(path, origin), mode: { kind: 'text', text: mode, quoted: false, origin }, contents },
      origin,
    )
    this.#files.set(path, before?.kind === 'map' ? overlaid(fresh, before) : fresh)
  }

  link(path: string, target: string, origin: Origin): void {
    const before = this.#links.get(path)
    if (before !== undefined && new Part(before).has('target')) {
      this.#twice(path, 'a target', origin)
      return
    }
    const fresh = mapAt({ path: textAt(path, origin), target: textAt(target, origin) }, origin)
    this.#links.set(path, before?.kind === 'map' ? overlaid(fresh, before) : fresh)
  }

  lists(origin: Origin): Record<string, Value> {
    return {
      files: { kind: 'list', items: [...this.#files.values()], origin },
      links: { kind: 'list', items: [...this.#links.values()], origin },
    }
  }

  #twice(path: string, what: string, origin: Origin): void {
    this.findings.push({ severity: 'error', message: `${path} has ${what} already`, ...origin })
  }
}

/** An entry of a tree with what the configuration says of its path. */
function overlaid(fresh: Value, said: Extract<Value, { kind: 'map' }>): Value {
  return {
    ...withKeys(fresh, Object.fromEntries(said.entries.map(one => [one.key, one.value]))),
    origin: said.origin,
  }
}
