import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createCleartextMessage, generateKey, type Key, type PrivateKey, readKey, sign } from 'openpgp'
import { storeXz } from './xz.ts'

/** Answers a request in some special way; returns false to leave it to the mirror. */
export type Trick = (request: IncomingMessage, response: ServerResponse, bytes: Buffer | undefined) => boolean

/** A Debian mirror on the loopback interface, holding what a test puts there. */
export class FakeMirror {
  readonly files = new Map<string, Buffer>()
  /** What was asked for: path and, when there is one, the range. */
  readonly requests: string[] = []
  /** Has the first word on every request. */
  trick: Trick | undefined
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
    server.on('request', (request, response) => this.#answer(request, response))
  }

  static async start(): Promise<FakeMirror> {
    const server = createServer()
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    return new FakeMirror(server)
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  stop(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = decodeURIComponent(request.url ?? '/')
    const range = request.headers.range
    this.requests.push(range === undefined ? path : `${path} ${range}`)
    const bytes = this.files.get(path)
    if (this.trick?.(request, response, bytes)) return
    if (bytes === undefined) {
      response.writeHead(404).end('no such file')
      return
    }
    const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0)
    if (from === 0) response.writeHead(200, { 'content-length': bytes.length })
    else {
      response.writeHead(206, {
        'content-length': bytes.length - from,
        'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}`,
      })
    }
    response.end(bytes.subarray(from))
  }
}

/** A key made for a test. */
export async function makeKey(): Promise<{ secret: PrivateKey; armored: string; key: Key }> {
  const { privateKey, publicKey } = await generateKey({
    userIDs: [{ name: 'Test archive' }],
    type: 'ecc',
    curve: 'ed25519Legacy',
    format: 'object',
    // A test may set the clock to any later time.
    date: new Date(KEY_DATE * 1000),
  })
  return {
    secret: privateKey,
    armored: publicKey.armor(),
    key: await readKey({ armoredKey: publicKey.armor() }),
  }
}

/** When test keys come into being, seconds since the epoch. */
export const KEY_DATE = 1_700_000_000

/** Signs the text of a Release file as `InRelease`. */
export async function signRelease(
  text: string,
  secret: PrivateKey | PrivateKey[],
  date = KEY_DATE + 10,
): Promise<string> {
  const message = await createCleartextMessage({ text })
  return await sign({ message, signingKeys: secret, date: new Date(date * 1000) })
}

/** Puts a suite with one component and one index on a mirror. */
export async function publish(
  mirror: FakeMirror,
  options: {
    suite: string
    packages: string
    secret: PrivateKey | PrivateKey[]
    byHash?: boolean
    fields?: string
  },
): Promise<void> {
  const index = storeXz(Buffer.from(options.packages))
  const sha256 = createHash('sha256').update(index).digest('hex')
  const folder = `/dists/${options.suite}/main/binary-amd64`
  const release = [
    `Codename: ${options.suite}`,
    'Components: main',
    `Date: ${new Date((KEY_DATE + 10) * 1000).toUTCString()}`,
    ...(options.byHash ? ['Acquire-By-Hash: yes'] : []),
    ...(options.fields ? [options.fields] : []),
    'SHA256:',
    ` ${sha256} ${index.length} main/binary-amd64/Packages.xz`,
    '',
  ].join('\n')
  mirror.files.set(options.byHash ? `${folder}/by-hash/SHA256/${sha256}` : `${folder}/Packages.xz`, index)
  mirror.files.set(
    `/dists/${options.suite}/InRelease`,
    Buffer.from(await signRelease(release, options.secret)),
  )
}

/** The stanza of an index. */
export function stanza(name: string, version: string, fields: Record<string, string> = {}): string {
  const all = {
    Package: name,
    Version: version,
    Architecture: 'amd64',
    Filename: `pool/main/${name[0]}/${name}/${name}_${version}_amd64.deb`,
    Size: '100',
    SHA256: createHash('sha256').update(`${name} ${version}`).digest('hex'),
    ...fields,
  }
  return `${Object.entries(all)
    .map(([key, value]) => `${key}: ${value}`)
    .join('\n')}\n`
}
