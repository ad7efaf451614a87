import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type YAMLMap,
} from 'yaml'
import type { Origin } from '../plan/plan.ts'
import type { Finding } from '../plan/report.ts'

/** A value of the document with its place. Scalars are the text that stands in the source: `0644` and `off` stay so. */
export type Value =
  | { kind: 'text'; text: string; quoted: boolean; origin: Origin }
  | { kind: 'list'; items: Value[]; origin: Origin }
  | { kind: 'map'; entries: Entry[]; origin: Origin }

/** A key, with `-` as `_`, and its value. */
export interface Entry {
  key: string
  /** As it is written. */
  name: string
  origin: Origin
  value: Value
}

/** Nodes that aliases may unfold to: a few lines could stand for more than there is memory. */
const NODES_MAX = 100_000
const DEPTH_MAX = 64

/** Reads YAML without giving types to anything. Errors name the line and column that YAML says. */
export function readDocument(text: string): { value: Value | undefined; findings: Finding[] } {
  const lines = new LineCounter()
  const document = parseDocument(text, {
    lineCounter: lines,
    schema: 'failsafe',
    merge: true,
    uniqueKeys: false,
    prettyErrors: false,
    strict: true,
  })
  const findings: Finding[] = document.errors.map(error => {
    const { line, col } = lines.linePos(error.pos[0])
    return { severity: 'error', message: sentence(error.message), path: '', line, column: col }
  })
  if (findings.length > 0 || document.contents === null) return { value: undefined, findings }
  const reader = new Reader(lines, document, findings)
  const value = reader.read(document.contents as Node, '', 0)
  return { value, findings }
}

class Reader {
  readonly #lines: LineCounter
  readonly #document: ReturnType<typeof parseDocument>
  readonly #findings: Finding[]
  #nodes = 0

  constructor(lines: LineCounter, document: ReturnType<typeof parseDocument>, findings: Finding[]) {
    this.#lines = lines
    this.#document = document
    this.#findings = findings
  }

  read(node: Node | null | undefined, path: string, depth: number): Value {
    const origin = this.#origin(node, path)
    if (++this.#nodes > NODES_MAX || depth > DEPTH_MAX) {
      if (this.#nodes === NODES_MAX + 1 || depth === DEPTH_MAX + 1)
        this.#error(origin, 'the document is too deep, or its aliases stand for too much')
      return { kind: 'text', text: '', quoted: false, origin }
    }
    if (isAlias(node)) {
      const target = node.resolve(this.#document) as Node | undefined
      if (target === undefined)
        this.#error(origin, `*${node.source} stands for nothing: there is no &${node.source} before it`)
      return this.read(target, path, depth + 1)
    }
    if (isMap(node)) return { kind: 'map', entries: this.#entries(node, path, depth), origin }
    if (isSeq(node)) {
      const items = node.items.map((item, index) => this.read(item as Node, `${path}[${index}]`, depth + 1))
      return { kind: 'list', items, origin }
    }
    if (!isScalar(node) || node.value === null) return { kind: 'text', text: '', quoted: false, origin }
    return { kind: 'text', text: String(node.value), quoted: node.type !== 'PLAIN', origin }
  }

  #entries(map: YAMLMap, path: string, depth: number): Entry[] {
    const entries = new Map<string, Entry>()
    for (const pair of map.items as Pair<Node, Node | null>[]) {
      const name = isScalar(pair.key) ? String(pair.key.value) : ''
      const key = name.replaceAll('-', '_')
      const inner = path === '' ? key : `${path}.${key}`
      const origin = this.#origin(pair.key, inner)
      const before = entries.get(key)
      if (before !== undefined)
        this.#error(origin, `"${name}" is there already, in line ${before.origin.line}`)
      else entries.set(key, { key, name, origin, value: this.read(pair.value, inner, depth + 1) })
    }
    return [...entries.values()]
  }

  #origin(node: Node | null | undefined, path: string): Origin {
    const offset = node?.range?.[0]
    if (offset === undefined) return { path, line: 0, column: 0 }
    const { line, col } = this.#lines.linePos(offset)
    return { path, line, column: col }
  }

  #error(origin: Origin, message: string): void {
    this.#findings.push({ severity: 'error', message, ...origin })
  }
}

function sentence(message: string): string {
  return message
    .split('\n', 1)[0]!
    .replace(/ at line \d+, column \d+:?$/, '')
    .replace(/[.:]$/, '')
}
