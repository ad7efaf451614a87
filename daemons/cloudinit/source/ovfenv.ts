import { UserError } from '#lib/errors.ts'
import { shown } from './shown.ts'

/** An environment has a few properties. */
const TEXT_CHARACTERS_MAX = 4 * 1024 * 1024
const DEPTH_MAX = 64
const PROPERTIES_MAX = 10_000

const NAME = /[A-Za-z_][A-Za-z0-9_.:-]*/y
const ATTRIBUTE = /\s+([A-Za-z_][A-Za-z0-9_.:-]*)\s*=\s*(?:"([^"<]*)"|'([^'<]*)')/y
const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }
const OE = 'http://schemas.dmtf.org/ovf/environment/1'

/**
 * The properties of an OVF environment (DSP0243 §9.4, `ovf-env.xml`): elements `Property` in the section
 * `PropertySection`, with the attributes `oe:key` and `oe:value`, whatever the prefix is bound to their namespace.
 *
 * Of XML, this takes elements, attributes, comments, CDATA, the declaration and the five entities. A document type
 * is refused, so that nothing in it can grow or name files.
 *
 * @throws UserError with the line of what is not well-formed
 */
export function parseOvfEnvironment(text: string): Map<string, string> {
  if (text.length > TEXT_CHARACTERS_MAX) throw new UserError('OVF environment: is too long')
  const properties = new Map<string, string>()
  for (const { name, attributes } of new Reader(text).elements()) {
    if (name !== 'Property') continue
    const key = ownAttribute(attributes, 'key')
    const value = ownAttribute(attributes, 'value')
    // A property that the user left empty has no value.
    if (key === undefined || value === undefined) continue
    if (properties.size >= PROPERTIES_MAX)
      throw new UserError(`OVF environment: more than ${PROPERTIES_MAX} properties`)
    properties.set(key, value)
  }
  return properties
}

interface Element {
  name: string
  attributes: Map<string, string>
  /** The prefixes that are bound here and around, with their namespaces. */
  bound: ReadonlyMap<string, string>
}

function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1)
}

/** An attribute with or without a prefix; documents of several makers bind different ones. */
function ownAttribute(attributes: ReadonlyMap<string, string>, name: string): string | undefined {
  for (const [key, value] of attributes) if (localName(key) === name) return value
  return undefined
}

/** Goes through a document once, from its begin to its end. */
class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text.startsWith('\ufeff') ? text.slice(1) : text
  }

  /** All elements of the namespace of OVF environments that are about this machine, by their names without prefix. */
  *elements(): Generator<Pick<Element, 'name' | 'attributes'>> {
    const open: Element[] = []
    let isRootSeen = false
    while (this.#at < this.#text.length) {
      if (this.#text[this.#at] !== '<') this.#skipText(open.length > 0)
      else if (this.#starts('<!--')) this.#skip('-->', 'comment')
      else if (this.#starts('<?')) this.#skip('?>', 'instruction')
      else if (this.#starts('<![CDATA[') && open.length > 0) this.#skip(']]>', 'CDATA')
      else if (this.#starts('<!')) this.#fail('a document type is not taken')
      else if (this.#starts('</')) this.#close(open)
      else {
        if (open.length === 0 && isRootSeen) this.#fail('there is more than one root')
        isRootSeen = true
        const { element, isEmpty } = this.#open(open.at(-1))
        // An Entity is another machine of the same appliance.
        const isOwn = !open.some(({ name }) => localName(name) === 'Entity')
        if (isOwn && namespaceOf(element) === OE) yield { ...element, name: localName(element.name) }
        if (!isEmpty) open.push(element)
        if (open.length > DEPTH_MAX) this.#fail(`elements are nested more than ${DEPTH_MAX} deep`)
      }
    }
    if (!isRootSeen) this.#fail('there is no element')
    if (open.length > 0) this.#fail(`<${open.at(-1)!.name}> is not closed`)
  }

  #open(parent: Element | undefined): { element: Element; isEmpty: boolean } {
    this.#at++
    const name = this.#match(NAME)?.[0] ?? this.#fail('a name must follow <')
    const attributes = new Map<string, string>()
    for (let found = this.#match(ATTRIBUTE); found !== undefined; found = this.#match(ATTRIBUTE)) {
      const key = found[1]!
      if (attributes.has(key)) this.#fail(`<${name}> has ${key} twice`)
      attributes.set(key, this.#unescape(found[2] ?? found[3] ?? ''))
    }
    const end = this.#match(/\s*(\/?)>/y) ?? this.#fail(`<${name}> has something that is no attribute`)
    const bindings = [...attributes].filter(([key]) => /^xmlns(:|$)/.test(key))
    const around = parent?.bound ?? new Map()
    const own = bindings.map(([key, value]) => [key.slice('xmlns:'.length), value] as const)
    const bound = own.length === 0 ? around : new Map([...around, ...own])
    return { element: { name, attributes, bound }, isEmpty: end[1] === '/' }
  }

  #close(open: Element[]): void {
    this.#at += 2
    const name = this.#match(NAME)?.[0]
    const isClosed = this.#match(/\s*>/y) !== undefined
    const expected = open.pop()?.name
    if (!isClosed || name !== expected)
      this.#fail(`</${name ?? ''}> closes nothing, or not <${expected ?? ''}>`)
  }

  #skipText(isInside: boolean): void {
    const next = this.#text.indexOf('<', this.#at)
    const text = this.#text.slice(this.#at, next < 0 ? undefined : next)
    if (!isInside && text.trim() !== '') this.#fail('there is text outside of the root')
    this.#unescape(text)
    this.#at = next < 0 ? this.#text.length : next
  }

  #skip(end: string, what: string): void {
    const next = this.#text.indexOf(end, this.#at)
    if (next < 0) this.#fail(`a ${what} has no end`)
    this.#at = next + end.length
  }

  #unescape(text: string): string {
    return text.replace(/&([^;&\s]{0,10};?)/g, (whole, body: string) => {
      const known = body.endsWith(';') ? ENTITIES[body.slice(0, -1)] : undefined
      if (known !== undefined) return known
      const [, hex, digits] = /^#(?:x([0-9a-f]{1,6})|(\d{1,7}));$/i.exec(body) ?? []
      const code = hex === undefined ? Number(digits) : Number.parseInt(hex, 16)
      if (!(code > 0 && code <= 0x10ffff) || (code >= 0xd800 && code <= 0xdfff))
        return this.#fail(`${whole} is no entity`)
      return String.fromCodePoint(code)
    })
  }

  #starts(text: string): boolean {
    return this.#text.startsWith(text, this.#at)
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)
    if (found === null) return undefined
    this.#at = pattern.lastIndex
    return found
  }

  #fail(why: string): never {
    const line = this.#text.slice(0, this.#at).split('\n').length
    throw new UserError(`OVF environment: line ${line}: ${shown(why)}`)
  }
}

function namespaceOf({ name, bound }: Element): string | undefined {
  const colon = name.indexOf(':')
  return bound.get(colon < 0 ? '' : name.slice(0, colon))
}
