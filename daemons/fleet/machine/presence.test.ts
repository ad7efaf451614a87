import t from 'tap'
import { ErrorCode, EtcdError } from '#lib/etcd/errors.ts'
import { Keys } from '#lib/fleet/registry/keys.ts'
import { Registry } from '#lib/fleet/registry/registry.ts'
import type { KeyStore } from '#lib/fleet/registry/store.ts'
import type { Clock } from '../clock.ts'
import { SILENT } from '../log.ts'
import { Presence } from './presence.ts'

const TTL_MS = 30_000

t.test('an entry that goes while it is looked at is not taken from who comes first', async t => {
  // The entry is there when it is to be made, gone when it is looked at, and another machine's when it is written.
  const asked: string[] = []
  const refuse = (code: number) => async (): Promise<never> => {
    throw new EtcdError(code, 'refused', 'a', 1)
  }
  const taken = refuse(ErrorCode.alreadyExists)
  const noted = (what: string, done: () => Promise<never>) => async (): Promise<never> => {
    asked.push(what)
    return await done()
  }
  const store = {
    create: noted('create', taken),
    get: noted('get', refuse(ErrorCode.keyNotFound)),
    set: noted('set', taken),
  } as Partial<KeyStore> as KeyStore
  const ending = new AbortController()
  const clock: Clock = { now: () => 0, sleep: async () => ending.abort() }
  const presence = new Presence({
    registry: new Registry(store, new Keys('/fleet/')),
    clock,
    log: SILENT,
    ttlMs: TTL_MS,
    disableEngine: false,
    describe: async () => ({
      id: 'a',
      ip: '10.0.0.1',
      metadata: {},
      version: 'v1',
      capacity: { memoryBytes: 0, cpuMillis: 0 },
      boot: '1',
      api: '',
    }),
    onMember: () => t.fail('it is no member'),
    onReturn: () => {},
  })
  await presence.run(ending.signal)
  t.same(asked, ['create', 'get', 'create'], 'nothing is written over')
  t.type(presence.trouble, 'string')
})
