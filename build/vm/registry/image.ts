import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { type Header, pack } from 'tar-stream'

/** A blob or manifest as a registry names it: `sha256:HEX`. */
export type Digest = string

/** One image as a registry holds it (OCI image-spec: manifest, config, one layer). */
export interface RegistryImage {
  /** Bytes by digest: the manifest, its config and its layer. */
  blobs: Map<Digest, Uint8Array>
  manifest: Digest
}

/** Media type of an image manifest (OCI image specification). */
export const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json'
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json'
const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar+gzip'
const FOLDERS = [
  'bin',
  'dev',
  'etc',
  'home',
  'proc',
  'root',
  'sys',
  'tmp',
  'usr',
  'usr/bin',
  'var',
  'var/tmp',
]
const FILES: Record<string, string> = {
  'etc/group': 'root:x:0:\nnogroup:x:65534:\n',
  'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n',
}

/**
 * An image like Docker's `busybox`, made of a static busybox. The same bytes for the same input.
 *
 * @param applets names that busybox answers to, each linked to it in /bin
 * @param epoch time of every file and of the image, seconds since 1970
 */
export async function busyboxImage(
  busybox: Uint8Array,
  applets: readonly string[],
  epoch: number,
): Promise<RegistryImage> {
  const layer = await layerTar(busybox, applets, epoch)
  const packed = gzipSync(layer, { level: 9 })
  const created = new Date(epoch * 1000).toISOString()
  const config = json({
    architecture: 'amd64',
    os: 'linux',
    created,
    config: { Env: ['PATH=/bin:/usr/bin'], Cmd: ['sh'] },
    rootfs: { type: 'layers', diff_ids: [digestOf(layer)] },
    history: [{ created, created_by: 'orlop: busybox-static of Debian' }],
  })
  const manifest = json({
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: { mediaType: CONFIG_TYPE, digest: digestOf(config), size: config.length },
    layers: [{ mediaType: LAYER_TYPE, digest: digestOf(packed), size: packed.length }],
  })
  const blobs = new Map([manifest, config, packed].map(bytes => [digestOf(bytes), bytes] as const))
  return { blobs, manifest: digestOf(manifest) }
}

/** The digest that names these bytes. */
export function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

async function layerTar(busybox: Uint8Array, applets: readonly string[], epoch: number): Promise<Buffer> {
  const tar = pack()
  const common = { uid: 0, gid: 0, mtime: new Date(epoch * 1000) }
  const add = (header: Partial<Header> & { name: string }, content?: Uint8Array | string) =>
    content === undefined
      ? tar.entry({ ...common, ...header })
      : tar.entry({ ...common, ...header }, Buffer.from(content))
  for (const name of FOLDERS) {
    const mode = name === 'tmp' || name === 'var/tmp' ? 0o1777 : name === 'root' ? 0o700 : 0o755
    add({ name, type: 'directory', mode })
  }
  for (const [name, content] of Object.entries(FILES)) add({ name, type: 'file', mode: 0o644 }, content)
  add({ name: 'bin/busybox', type: 'file', mode: 0o755 }, busybox)
  for (const applet of [...new Set(applets)].sort()) {
    if (applet === 'busybox') continue
    if (!/^[A-Za-z0-9._[\]-]+$/.test(applet)) throw new Error(`busybox: '${applet}' is no applet name`)
    add({ name: `bin/${applet}`, type: 'symlink', linkname: 'busybox', mode: 0o777 })
  }
  tar.finalize()
  const chunks: Buffer[] = []
  for await (const chunk of tar as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks)
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value), 'utf8')
}
