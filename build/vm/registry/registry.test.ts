import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { extract } from 'tar-stream'
import { answer, parseRange } from './answer.ts'
import { folderContents, registryServer, writeRegistry } from './folder.ts'
import { busyboxImage, digestOf } from './image.ts'

const BUSYBOX = Buffer.from('not really busybox')
const EPOCH = 1_700_000_000

async function sample(t: Test): Promise<{ folder: string; manifest: string }> {
  const folder = join(t.testdir({}), 'registry')
  const image = await busyboxImage(BUSYBOX, ['sh', 'echo', 'busybox', '['], EPOCH)
  await writeRegistry(folder, { 'library/busybox:latest': image })
  return { folder, manifest: image.manifest }
}

t.test('the image is the same each time and hangs together', async t => {
  const one = await busyboxImage(BUSYBOX, ['sh', 'echo'], EPOCH)
  const two = await busyboxImage(BUSYBOX, ['echo', 'sh', 'sh'], EPOCH)
  t.equal(one.manifest, two.manifest)
  for (const [digest, bytes] of one.blobs) t.equal(digestOf(bytes), digest)
  const manifest = JSON.parse(Buffer.from(one.blobs.get(one.manifest)!).toString())
  const config = JSON.parse(Buffer.from(one.blobs.get(manifest.config.digest)!).toString())
  const packed = one.blobs.get(manifest.layers[0].digest)!
  t.equal(packed.length, manifest.layers[0].size)
  const layer = gunzipSync(packed)
  t.equal(config.rootfs.diff_ids[0], digestOf(layer))
  const names: string[] = []
  const tar = extract()
  tar.end(layer)
  for await (const entry of tar) {
    names.push(`${entry.header.type} ${entry.header.name}`)
    entry.resume()
  }
  t.ok(names.includes('file bin/busybox') && names.includes('symlink bin/sh'), names.join())
  await t.rejects(busyboxImage(BUSYBOX, ['../x'], EPOCH), /applet/)
})

t.test('answers', async t => {
  const { folder, manifest } = await sample(t)
  const contents = folderContents(folder)
  const get = (url: string, range?: string) => answer(contents, { method: 'GET', url, range })
  t.match(get('/v2/'), { status: 200 })
  t.match(get('/v2/library/busybox/manifests/latest?ns=docker.io'), {
    status: 200,
    headers: { 'Docker-Content-Digest': manifest },
  })
  t.match(get(`/v2/library/busybox/manifests/${manifest}`), { status: 200 })
  t.match(get(`/v2/library/busybox/blobs/${manifest}`, 'bytes=2-4'), {
    status: 206,
    headers: { 'Content-Length': '3' },
    body: { start: 2, end: 5 },
  })
  t.match(get(`/v2/library/busybox/blobs/${manifest}`, 'bytes=999999-'), { status: 416 })
  for (const url of [
    '/',
    '/v1/',
    '/v2/library/busybox/manifests/3',
    '/v2/library/busybox/manifests/constructor',
    '/v2/library/other/manifests/latest',
    `/v2/x/blobs/sha256:${'0'.repeat(64)}`,
    '/v2/x/blobs/../../index.json',
    '/v2/x/blobs/..',
    '/v2/x/blobs/index.json',
  ])
    t.match(get(url), { status: 404 }, url)
  t.match(answer(contents, { method: 'PUT', url: '/v2/' }), { status: 405 })
})

t.test('ranges', async t => {
  t.same(parseRange('bytes=0-', 10), { start: 0, end: 10 })
  t.same(parseRange('bytes=3-99', 10), { start: 3, end: 10 })
  t.same(parseRange('bytes=-4', 10), { start: 6, end: 10 })
  t.same(parseRange('bytes=-40', 10), { start: 0, end: 10 })
  t.equal(parseRange('bytes=10-', 10), 'outside')
  t.equal(parseRange('bytes=-0', 10), 'outside')
  for (const header of ['bytes=-', 'bytes=4-2', 'bytes=0-1,3-4', 'lines=1-2', ''])
    t.equal(parseRange(header, 10), undefined)
})

t.test('over HTTP', async t => {
  const { folder, manifest } = await sample(t)
  const server = registryServer(folder)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const head = await fetch(`${base}/v2/library/busybox/manifests/latest`, { method: 'HEAD' })
  t.equal(head.headers.get('docker-content-digest'), manifest)
  const body = new Uint8Array(
    await (await fetch(`${base}/v2/library/busybox/blobs/${manifest}`)).arrayBuffer(),
  )
  t.equal(digestOf(body), manifest)
  t.equal((await fetch(`${base}/v2/library/none/manifests/latest`)).status, 404)
})

t.test('over standard input and output, several requests to a connection', async t => {
  const { folder, manifest } = await sample(t)
  // As libslirp does: both ends of the child's standard streams are one socket.
  const server = createServer(socket => {
    spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), folder], {
      stdio: [socket, socket, 'inherit'],
    }).on('spawn', () => socket.destroy())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  let received = ''
  socket.on('data', chunk => {
    received += chunk
  })
  const request = (path: string, close: boolean) =>
    `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: ${close ? 'close' : 'keep-alive'}\r\n\r\n`
  socket.write(request('/v2/', false))
  socket.write(request('/v2/library/busybox/manifests/latest', true))
  await once(socket, 'close')
  t.equal(received.split('HTTP/1.1 200').length - 1, 2)
  t.match(received, manifest)
})
