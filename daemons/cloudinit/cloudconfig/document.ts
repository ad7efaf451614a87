import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  Scalar,
  type YAMLMap,
} from 'yaml'
import type { Origin } from '../plan/plan.ts'
import type { Finding, Severity } from '../plan/report.ts'
import { describeMistake } from './mistake.ts'

/** A scalar: the text that stands in the source, so that `0644` and `off` stay so. */
export interface Text {
  kind: 'text'
  text: string
  /** In quotes or a block: it is a text, whatever it looks like. */
  quoted: boolean
  /** Of a literal block (`|`): the place of its first line, so that lines within it can be told. */
  block?: { line: number; column: number }
  origin: Origin
}

/** A value of the document with its place. */
export type Value =
  | Text
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

/** Of a document in characters; a value may be long, so it is mostly the number of nodes that costs. */
const LENGTH_MAX = 8 * 1024 * 1024
/** Nodes that aliases may unfold to: a few lines could stand for more than there is memory. */
const NODES_MAX = 100_000
const DEPTH_MAX = 64
/** Of mistakes in YAML: further ones mostly follow from the first. */
const MISTAKES_MAX = 3
const STANDARD_TAG = /^tag:yaml\.org,2002:(str|int|float|bool|null|map|seq|timestamp|merge)$/
const BINARY_TAG = 'tag:yaml.org,2002:binary'

/**
 * Reads YAML without giving types to anything. Errors name the line and column that YAML says.
 *
 * @param sourceColumn the column that a place of the text is told as, when the text was made from another
 */
export function readDocument(
  text: string,
  sourceColumn: (line: number, column: number) => number = (_, column) => column,
): { value: Value | undefined; findings: Finding[] } {
  const whole = { path: '', line: 1, column: 1 }
  if (text.length > LENGTH_MAX) {
    const message = `more than ${LENGTH_MAX / 1024 / 1024} million characters`
    return { value: undefined, findings: [{ severity: 'error', message, ...whole }] }
  }
  const lines = new LineCounter()
  const document = parseDocument(text, {
    lineCounter: lines,
    schema: 'failsafe',
    uniqueKeys: false,
    prettyErrors: false,
    strict: true,
  })
  const findings: Finding[] = document.errors
    .toSorted((a, b) => a.pos[0] - b.pos[0])
    .slice(0, MISTAKES_MAX)
    .map(error => {
      const { line, col } = lines.linePos(error.pos[0])
      const message = describeMistake(error)
      return { severity: 'error', message, path: '', line, column: sourceColumn(line, col) }
    })
  if (findings.length > 0 || document.contents === null) return { value: undefined, findings }
  const reader = new Reader({ text, lines, sourceColumn, findings })
  const value = reader.read(document.contents as Node, '', 0)
  return { value, findings }
}

interface Source {
  text: string
  lines: LineCounter
  sourceColumn: (line: number, column: number) => number
  findings: Finding[]
}

class Reader {
  readonly #source: Source
  readonly #anchors = new Map<string, Node>()
  /** What each alias stands for: decided when it is first met, whatever its anchor becomes later. */
  readonly #targets = new Map<Node, Node>()
  #nodes = 0
  /** Within what an alias stands for: anchors there were seen before, and others may have their names by now. */
  #unfolding = 0
  #full = false

  constructor(source: Source) {
    this.#source = source
  }

  read(node: Node | null | undefined, path: string, depth: number): Value {
    const origin = this.#origin(node, path)
    const nothing: Text = { kind: 'text', text: '', quoted: false, origin }
    if (++this.#nodes > NODES_MAX || depth > DEPTH_MAX) {
      if (!this.#full)
        this.#add('error', origin, 'the document is too deep, or its aliases stand for too much')
      this.#full = true
      return nothing
    }
    if (isAlias(node)) {
      const target = this.#target(node)
      if (target === undefined) {
        this.#add(
          'error',
          origin,
          `*${node.source} stands for nothing: there is no &${node.source} before it`,
        )
        return nothing
      }
      this.#unfolding++
      const value = this.read(target, path, depth + 1)
      this.#unfolding--
      return value
    }
    if (node?.anchor !== undefined && this.#unfolding === 0) this.#anchors.set(node.anchor, node)
    this.#checkTag(node, origin)
    if (isMap(node)) return { kind: 'map', entries: this.#entries(node, path, depth), origin }
    if (isSeq(node)) {
      const items: Value[] = []
      for (const [index, item] of node.items.entries()) {
        if (this.#full) break
        items.push(this.read(item as Node, `${path}[${index}]`, depth + 1))
      }
      return { kind: 'list', items, origin }
    }
    return isScalar(node) && node.value !== null ? this.#scalar(node, origin) : nothing
  }

  #scalar(node: Scalar, origin: Origin): Text {
    const text: Text = { kind: 'text', text: String(node.value), quoted: node.type !== Scalar.PLAIN, origin }
    if (node.tag === 'tag:yaml.org,2002:str') text.quoted = true
    if (node.type !== Scalar.BLOCK_LITERAL || node.range === undefined || node.range === null) return text
    const { line } = this.#source.lines.linePos(node.range[0])
    return { ...text, block: { line: line + 1, column: this.#blockColumn(line + 1, text.text) } }
  }

  /** The first line with anything in it shows how far a block is indented. */
  #blockColumn(line: number, text: string): number {
    const skipped = /^\n*/.exec(text)![0].length
    const first = text.slice(skipped).split('\n', 1)[0]!
    const start = this.#source.lines.lineStarts[line - 1 + skipped]
    if (start === undefined) return 1
    const end = this.#source.text.indexOf('\n', start)
    const source = this.#source.text.slice(start, end === -1 ? undefined : end).replace(/\r$/, '')
    return Math.max(1, source.length - first.length + 1)
  }

  #entries(map: YAMLMap, path: string, depth: number): Entry[] {
    const entries = new Map<string, Entry>()
    const merged: Value[] = []
    for (const { key: node, value } of map.items as Pair<Node, Node | null>[]) {
      if (this.#full) break
      const source = isAlias(node) ? this.#target(node) : node
      const name = isScalar(source) && source.value !== null ? String(source.value) : ''
      const key = name.replaceAll('-', '_')
      const inner = path === '' ? key : `${path}.${key}`
      const origin = this.#origin(node, inner)
      if (isMap(source) || isSeq(source)) {
        this.#add('error', origin, 'a key can be no list and no map')
        continue
      }
      if (isScalar(node) && node.anchor !== undefined && this.#unfolding === 0)
        this.#anchors.set(node.anchor, node)
      const read = this.read(value, inner, depth + 1)
      if (isScalar(node) && name === '<<' && node.type === Scalar.PLAIN) {
        merged.push(read)
        continue
      }
      const before = entries.get(key)
      if (before !== undefined)
        this.#add('error', origin, `"${name}" is there already, in line ${before.origin.line}`)
      else entries.set(key, { key, name, origin, value: read })
    }
    for (const value of merged) this.#merge(value, entries)
    return [...entries.values()]
  }

  /** `<<: *a` and `<<: [*a, *b]`: what is there already stays. */
  #merge(value: Value, entries: Map<string, Entry>): void {
    for (const map of value.kind === 'list' ? value.items : [value]) {
      if (map.kind !== 'map') this.#add('error', map.origin, '<< takes an alias of a map, or a list of them')
      else for (const entry of map.entries) if (!entries.has(entry.key)) entries.set(entry.key, entry)
    }
  }

  #target(alias: Alias): Node | undefined {
    const target = this.#targets.get(alias) ?? this.#anchors.get(alias.source)
    if (target !== undefined) this.#targets.set(alias, target)
    return target
  }

  #checkTag(node: Node | null | undefined, origin: Origin): void {
    const tag = node?.tag
    if (tag === undefined || tag === '!' || STANDARD_TAG.test(tag)) return
    if (tag === BINARY_TAG) this.#add('error', origin, '!!binary is not supported: use encoding: base64')
    else this.#add('warning', origin, `the tag ${tag} means nothing here`)
  }

  #origin(node: Node | null | undefined, path: string): Origin {
    const offset = node?.range?.[0]
    if (offset === undefined) return { path, line: 0, column: 0 }
    const { line, col } = this.#source.lines.linePos(offset)
    return { path, line, column: this.#source.sourceColumn(line, col) }
  }

  #add(severity: Severity, origin: Origin, message: string): void {
    this.#source.findings.push({ severity, message, ...origin })
  }
}
