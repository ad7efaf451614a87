import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { request } from '#lib/http/host/client.ts'
import { isRunning } from '../../identity.ts'
import { readJson, type Service, startService, stopService } from '../../service.ts'
import { Discovery } from './discovery.ts'

const ROOT = join(import.meta.dirname, '../../../..')

t.test('tokens are there after the service was stopped and started', async t => {
  const folder = t.testdir()
  const discovery = new Discovery(folder, ROOT)
  // Not by a teardown: the folder, by which it knows what to stop, is gone by then.
  try {
    await keepsTokens(t, discovery, folder)
  } finally {
    await discovery.stop()
  }
})

async function keepsTokens(t: Test, discovery: Discovery, folder: string): Promise<void> {
  const url = await discovery.start()
  t.match(url, /^http:\/\/10\.0\.2\.2:\d+$/)
  t.equal(await discovery.start(), url, 'it runs already')
  const token = await discovery.token(3)
  t.match(token, /^[0-9a-f]{32}$/)
  t.same(await discovery.members(token), [])
  const local = url.replace('10.0.2.2', '127.0.0.1')
  const { status } = await request({
    url: `${local}/${token}/abc`,
    method: 'PUT',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: 'value=core-01=http://172.17.8.101:2380',
  })
  t.equal(status, 201)
  t.same(await discovery.members(token), ['core-01=http://172.17.8.101:2380'])
  const records = await readJson<{ etcd: Service; discovery: Service }>(join(folder, 'services.json'))
  await discovery.stop()
  for (const { process } of [records!.etcd, records!.discovery]) t.notOk(await isRunning(process))
  t.equal(await discovery.start(), url, 'at the same port')
  t.same(await discovery.members(token), ['core-01=http://172.17.8.101:2380'])
  t.equal(await discovery.members('0'.repeat(32)), undefined)
  await t.rejects(discovery.token(1000), /gave no token: /)
}

t.test('a process that ends at once says why', async t => {
  const folder = t.testdir()
  const log = join(folder, 'log')
  const identity = await startService(['-e', 'setTimeout(() => {}, 60000)'], log)
  t.ok(await isRunning(identity))
  await stopService(identity)
  t.notOk(await isRunning(identity))
  await stopService(identity)
  await rm(log)
})
