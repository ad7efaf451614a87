import { COLON, CR, equalsFolded, SPACE, TAB } from './chars.ts'

/** The certificate that a client showed and the server's authorities have signed. */
export interface ClientCertificate {
  /** Subject's common name; empty when it has none. */
  commonName: string
  /** Subject's alternative names as OpenSSL prints them: `DNS:a, IP Address:10.0.0.1`. */
  alternativeNames: string
}

/** What a request knows of the connection it came by. */
export interface Peer {
  /** Address of the client; empty for a unix socket. */
  readonly address: string
  readonly isEncrypted: boolean
  readonly clientCertificate: ClientCertificate | undefined
}

const EMPTY = Buffer.alloc(0)

/**
 * A request, complete with its body. Of the bytes that came, only method, path and query are made strings at once;
 * headers are looked for in the bytes when asked for, which most requests never are.
 */
export class Request {
  /** As sent: `GET`, `PUT`, … case counts. */
  method: string
  /** Before the `?`, not decoded, one character for each byte. `*` for a request about the server as a whole. */
  path: string
  /** After the first `?`, not decoded, one character for each byte; empty when there is none. */
  query: string
  /** 0 for HTTP/1.0, 1 for HTTP/1.1. */
  minor: number
  /** Whether the client would send another request after this one. */
  keepAlive: boolean
  /** The client waits for `100 Continue` before it sends the body. */
  expectsContinue: boolean
  /** Length of the body that was announced; -1 for a chunked one. */
  bodyLength: number
  /** The body is longer than the server takes: there is none here, and the connection ends after the answer. */
  bodyTooLarge: boolean
  /** Set by the server. */
  peer: Peer | undefined

  // Header lines: from the first one up to and without the empty line.
  #head: Buffer
  readonly #headStart: number
  readonly #headEnd: number
  #body: Buffer
  #bodyStart: number
  #bodyEnd: number

  constructor(method: string, path: string, query: string, head: Buffer, headStart: number, headEnd: number) {
    this.method = method
    this.path = path
    this.query = query
    this.minor = 1
    this.keepAlive = true
    this.expectsContinue = false
    this.bodyLength = 0
    this.bodyTooLarge = false
    this.peer = undefined
    this.#head = head
    this.#headStart = headStart
    this.#headEnd = headEnd
    this.#body = EMPTY
    this.#bodyStart = 0
    this.#bodyEnd = 0
  }

  /** Who the client has proved to be; undefined without TLS or without a certificate. */
  get clientCertificate(): ClientCertificate | undefined {
    return this.peer?.clientCertificate
  }

  /** Path and query as they were sent. */
  get target(): string {
    return this.query === '' ? this.path : `${this.path}?${this.query}`
  }

  /**
   * The value of the first header of that name, without blanks around it, one character for each byte; undefined when
   * there is none.
   *
   * @param name in lower case
   */
  header(name: string): string | undefined {
    const bytes = this.#head
    for (let at = this.#headStart; at < this.#headEnd; ) {
      let colon = at
      while (bytes[colon] !== COLON) colon++
      const end = endOfLine(bytes, colon)
      if (equalsFolded(bytes, at, colon, name)) return sliceValue(bytes, colon + 1, end)
      at = end + 2
    }
    return undefined
  }

  /** All headers in the order they came; names in the case they came in. */
  headers(): [name: string, value: string][] {
    const all: [string, string][] = []
    const bytes = this.#head
    for (let at = this.#headStart; at < this.#headEnd; ) {
      let colon = at
      while (bytes[colon] !== COLON) colon++
      const end = endOfLine(bytes, colon)
      all.push([bytes.toString('latin1', at, colon), sliceValue(bytes, colon + 1, end)])
      at = end + 2
    }
    return all
  }

  /** The body as it came, without copying it. It keeps alive the whole piece that was read from the network. */
  get body(): Buffer {
    return this.#body.subarray(this.#bodyStart, this.#bodyEnd)
  }

  get bodyBytes(): number {
    return this.#bodyEnd - this.#bodyStart
  }

  /** The body, one character for each byte: how forms are read. */
  bodyLatin1(): string {
    return this.#body.toString('latin1', this.#bodyStart, this.#bodyEnd)
  }

  /** For the parser. */
  setBody(bytes: Buffer, start: number, end: number): void {
    this.#body = bytes
    this.#bodyStart = start
    this.#bodyEnd = end
  }
}

/** Where the line that `at` is in ends. The parser has seen to it that it does, by CR LF and by nothing else. */
function endOfLine(bytes: Buffer, at: number): number {
  while (bytes[at] !== CR) at++
  return at
}

function sliceValue(bytes: Buffer, start: number, end: number): string {
  while (start < end && isBlank(bytes[start])) start++
  while (end > start && isBlank(bytes[end - 1])) end--
  return bytes.toString('latin1', start, end)
}

function isBlank(byte: number | undefined): boolean {
  return byte === SPACE || byte === TAB
}
