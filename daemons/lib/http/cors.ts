import { headerBlock } from './header.ts'

/** Which web pages may use an API: none, all (`*`), or those from a list of origins. */
export class CrossOrigin {
  readonly #origins: ReadonlySet<string>
  readonly #all: string

  /** @param origins as given to `--cors`: `*`, or origins such as `https://a.example`; empty for none */
  constructor(origins: readonly string[]) {
    this.#origins = new Set(origins)
    this.#all = this.#origins.has('*') ? blockFor('*') : ''
  }

  /** Whether `headers` needs to know the origin; when not, there is no need to look for that header. */
  get dependsOnOrigin(): boolean {
    return this.#all === '' && this.#origins.size > 0
  }

  /** Headers that go with every answer. */
  headers(origin: string | undefined): string {
    if (this.#all !== '') return this.#all
    return origin !== undefined && this.#origins.has(origin) ? blockFor(origin) : ''
  }
}

function blockFor(origin: string): string {
  return headerBlock([
    ['Access-Control-Allow-Headers', 'accept, content-type, authorization'],
    ['Access-Control-Allow-Methods', 'POST, GET, OPTIONS, PUT, DELETE'],
    ['Access-Control-Allow-Origin', origin],
  ])
}
