import type { Content } from './content.ts'
import type { Random } from './random.ts'

/** A file or a folder. */
export type Node = Content | Folder

interface Change {
  added: [name: string, node: Node] | undefined
  removed: string | undefined
}

/**
 * A folder in two layers: the names that are seen, and those that are durable. What is between them is a list of
 * changes, of which a crash keeps some: the first ones, as journals do, or any, as POSIX allows.
 */
export class Folder {
  readonly names = new Map<string, Node>()
  #synced = new Map<string, Node>()
  #changes: Change[] = []

  add(name: string, node: Node): void {
    this.names.set(name, node)
    this.#changes.push({ added: [name, node], removed: undefined })
  }

  remove(name: string): void {
    this.names.delete(name)
    this.#changes.push({ added: undefined, removed: name })
  }

  rename(from: string, to: string): void {
    const node = this.names.get(from)!
    this.names.delete(from)
    this.names.set(to, node)
    this.#changes.push({ added: [to, node], removed: from })
  }

  /** How many changes there have been since the last sync; give it to `sync` to make just those durable. */
  get changes(): number {
    return this.#changes.length
  }

  /** The first `count` of the changes are durable now. */
  sync(count: number): void {
    for (const change of this.#changes.splice(0, count)) apply(change, this.#synced)
  }

  /** The machine stops. Answers how many changes of names are lost. */
  crash(random: Random): number {
    const inOrder = random.chance(0.5)
    const first = random.between(0, this.#changes.length)
    let lost = 0
    for (const [index, change] of this.#changes.entries()) {
      if (inOrder ? index < first : random.chance(0.5)) apply(change, this.#synced)
      else lost += 1
    }
    this.#changes = []
    this.names.clear()
    for (const [name, node] of this.#synced) this.names.set(name, node)
    return lost
  }

  /** All files here and below with their paths, in the order of their names. */
  *files(path = ''): Generator<[path: string, content: Content]> {
    for (const name of [...this.names.keys()].toSorted()) {
      const node = this.names.get(name)!
      if (node instanceof Folder) yield* node.files(`${path}/${name}`)
      else yield [`${path}/${name}`, node]
    }
  }

  /** All folders here and below, this one first. */
  *folders(): Generator<Folder> {
    yield this
    for (const name of [...this.names.keys()].toSorted()) {
      const node = this.names.get(name)!
      if (node instanceof Folder) yield* node.folders()
    }
  }
}

function apply(change: Change, names: Map<string, Node>): void {
  if (change.removed !== undefined) names.delete(change.removed)
  if (change.added !== undefined) names.set(change.added[0], change.added[1])
}

/** The parts of a path; the empty list is the root. */
export function partsOf(path: string): string[] {
  const parts = path.split('/').filter(part => part !== '' && part !== '.')
  if (parts.includes('..')) throw new RangeError(`${path} climbs out`)
  return parts
}
