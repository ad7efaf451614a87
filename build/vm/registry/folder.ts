import { createReadStream, readFileSync, statSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { answer, type RegistryContents } from './answer.ts'
import type { Digest, RegistryImage } from './image.ts'

/*
 *     FOLDER/index.json         { "library/busybox:latest": "sha256:…" }
 *     FOLDER/blobs/sha256:HEX   manifests, configurations, layers
 */

/** Writes images, by `repository:tag`, as a registry folder at a path that does not exist. */
export async function writeRegistry(folder: string, images: Record<string, RegistryImage>): Promise<void> {
  await mkdir(join(folder, 'blobs'), { recursive: true })
  for (const image of Object.values(images))
    for (const [digest, bytes] of image.blobs) await writeFile(join(folder, 'blobs', digest), bytes)
  const index = Object.fromEntries(Object.entries(images).map(([name, image]) => [name, image.manifest]))
  await writeFile(join(folder, 'index.json'), `${JSON.stringify(index, null, 2)}\n`)
}

/** What a registry folder holds. */
export function folderContents(folder: string): RegistryContents {
  const index: Record<string, Digest> = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8'))
  return {
    tag: (repository, tag) =>
      Object.hasOwn(index, `${repository}:${tag}`) ? index[`${repository}:${tag}`] : undefined,
    size: digest => {
      if (!/^sha256:[0-9a-f]{64}$/.test(digest)) return undefined
      return statSync(join(folder, 'blobs', digest), { throwIfNoEntry: false })?.size
    },
  }
}

/** An HTTP server for a registry folder; not listening yet. */
export function registryServer(folder: string): Server {
  const contents = folderContents(folder)
  return createServer(({ method = '', url = '', headers: { range } }, response) => {
    const { status, headers, body } = answer(contents, { method, url, range })
    response.writeHead(status, headers)
    if (method === 'HEAD' || body.kind === 'none') response.end()
    else if (body.kind === 'text') response.end(body.text)
    else void sendPart(join(folder, 'blobs', body.digest), body, response)
  })
}

async function sendPart(
  path: string,
  { start, end }: { start: number; end: number },
  response: ServerResponse,
): Promise<void> {
  if (start === end) return void response.end()
  try {
    await pipeline(createReadStream(path, { start, end: end - 1 }), response)
  } catch {
    response.destroy() // the guest went away, or will see too few bytes and ask again
  }
}
