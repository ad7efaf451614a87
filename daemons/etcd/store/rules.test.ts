// The rules of specification §1 and §2 as a client sees them: one script of requests for each, with the whole answers.

import t from 'tap'
import { type Answer, answerError, answerRead, answerWrite } from './answer.ts'
import { StoreError } from './errors.ts'
import { type Method, readRequest } from './request.ts'
import { Store } from './store.ts'

const NOW_MS = Date.UTC(2026, 10, 23, 8, 0, 0, 0)

/** Applies one request, `METHOD target [body]`, to the store as a member alone would. */
function ask(store: Store, line: string, nowMs = NOW_MS): Answer {
  const [method = '', target = '', body = ''] = line.split(' ')
  const [key = '', query = ''] = target.split('?')
  const request = readRequest(method as Method, key, query, body, nowMs)
  if (request instanceof StoreError) return answerError(request)
  if (request.kind === 'read') return answerRead(store, request, nowMs)
  if (request.kind === 'watch') throw new Error('watches are tested elsewhere')
  return answerWrite(store.apply(request.operation)!, request.noValueOnSuccess, nowMs)
}

/** Request, status, index in the header, body without its line end. */
type Step = [line: string, status: number, index: number, body: string]

/** A store that has had the three changes of a fresh cluster of one member. */
function freshStore(): Store {
  const store = new Store()
  for (const name of ['members/1/raftAttributes', 'members/1/attributes', 'version'])
    store.apply({ type: 'set', path: `/0/${name}`, dir: false, value: 'x', expiresAtMs: 0, refresh: false })
  return store
}

function refusal(code: number, message: string, cause: string, index: number): string {
  const shown = cause === '' ? '' : `"cause":${JSON.stringify(cause)},`
  return `{"errorCode":${code},"message":"${message}",${shown}"index":${index}}`
}

const notFound = (cause: string, index: number) => refusal(100, 'Key not found', cause, index)
const notFile = (cause: string, index: number) => refusal(102, 'Not a file', cause, index)
const notDir = (cause: string, index: number) => refusal(104, 'Not a directory', cause, index)
const readOnly = (index: number) => refusal(107, 'Root is read only', '/', index)
const file = (key: string, value: string, modified: number, created = modified) =>
  `{"key":"${key}","value":"${value}","modifiedIndex":${modified},"createdIndex":${created}}`
const dir = (key: string, modified: number, created = modified) =>
  `{"key":"${key}","dir":true,"modifiedIndex":${modified},"createdIndex":${created}}`
const gone = (key: string, modified: number, created: number) =>
  `{"key":"${key}","modifiedIndex":${modified},"createdIndex":${created}}`
const event = (action: string, node: string, prev?: string) =>
  `{"action":"${action}","node":${node}${prev === undefined ? '' : `,"prevNode":${prev}`}}`

const RULES: Record<string, Step[]> = {
  'the first write of a cluster of one has index 4, and in-order keys are named by it': [
    ['POST /foo value=a', 201, 4, event('create', file('/foo/00000000000000000004', 'a', 4))],
    ['POST /foo value=b', 201, 5, event('create', file('/foo/00000000000000000005', 'b', 5))],
    ['POST /bar value=c', 201, 6, event('create', file('/bar/00000000000000000006', 'c', 6))],
    ['POST /foo/ dir=true', 201, 7, event('create', dir('/foo/00000000000000000007', 7))],
    ['POST / value=r', 201, 8, event('create', file('/00000000000000000008', 'r', 8))],
    ['PUT /file value=x', 201, 9, event('set', file('/file', 'x', 9))],
    ['POST /file value=x', 400, 9, notDir('/file', 9)],
  ],
  'the root has neither key nor indexes': [
    ['GET /', 200, 3, '{"action":"get","node":{"dir":true}}'],
    ['PUT /a value=1', 201, 4, event('set', file('/a', '1', 4))],
    ['GET /', 200, 4, `{"action":"get","node":{"dir":true,"nodes":[${file('/a', '1', 4)}]}}`],
    ['GET /?recursive=true', 200, 4, `{"action":"get","node":{"dir":true,"nodes":[${file('/a', '1', 4)}]}}`],
  ],
  'the root is not written': [
    ['PUT / value=x', 400, 3, readOnly(3)],
    ['PUT /?dir=true', 400, 3, readOnly(3)],
    ['PUT /?prevExist=true value=x', 400, 3, readOnly(3)],
    ['PUT /?prevExist=false value=x', 400, 3, readOnly(3)],
    ['PUT /?prevIndex=1 value=x', 400, 3, readOnly(3)],
    ['DELETE /?recursive=true', 400, 3, readOnly(3)],
    ['DELETE /', 400, 3, readOnly(3)],
    ['DELETE /?prevIndex=1', 403, 3, notFile('', 3)],
  ],
  'slashes at the end and twice do not count': [
    ['PUT /a/ value=1', 201, 4, event('set', file('/a', '1', 4))],
    ['PUT //b///c/ value=1', 201, 5, event('set', file('/b/c', '1', 5))],
    ['PUT /../../0/x value=1', 201, 6, event('set', file('/0/x', '1', 6))],
    ['GET /./a/', 200, 6, event('get', file('/a', '1', 4))],
  ],
  'directories above are made and take the index of the event': [
    ['PUT /x/y/z value=1', 201, 4, event('set', file('/x/y/z', '1', 4))],
    [
      'GET /x',
      200,
      4,
      `{"action":"get","node":{"key":"/x","dir":true,"nodes":[${dir('/x/y', 4)}],"modifiedIndex":4,"createdIndex":4}}`,
    ],
  ],
  'a missing key is named by its first missing element, a file in the way by itself': [
    ['GET /x/y/z', 404, 3, notFound('/x', 3)],
    ['PUT /a value=1', 201, 4, event('set', file('/a', '1', 4))],
    ['GET /a/b', 400, 4, notDir('/a', 4)],
    ['PUT /a/b/c value=1', 400, 4, notDir('/a', 4)],
    ['PUT /a/b?prevExist=false value=1', 400, 4, notDir('/a', 4)],
    ['PUT /a/b?prevExist=true value=1', 400, 4, notDir('/a', 4)],
    ['PUT /a/b?prevValue=1 value=1', 400, 4, notDir('/a', 4)],
    ['DELETE /a/b', 400, 4, notDir('/a', 4)],
    ['DELETE /a/b?prevValue=1', 400, 4, notDir('/a', 4)],
    ['DELETE /q/b', 404, 4, notFound('/q', 4)],
    ['PUT /q/b?prevExist=true value=1', 404, 4, notFound('/q', 4)],
    ['PUT /q/b?prevIndex=1 value=1', 404, 4, notFound('/q', 4)],
    ['DELETE /q/b?prevIndex=1', 404, 4, notFound('/q', 4)],
  ],
  'set replaces a file, with a new index of creation': [
    ['PUT /a value=1', 201, 4, event('set', file('/a', '1', 4))],
    ['PUT /a value=2', 200, 5, event('set', file('/a', '2', 5), file('/a', '1', 4))],
    ['PUT /a', 200, 6, event('set', file('/a', '', 6), file('/a', '2', 5))],
    ['PUT /a dir=true', 200, 7, event('set', dir('/a', 7), file('/a', '', 6))],
    ['PUT /a dir=true', 403, 7, notFile('/a', 7)],
    ['PUT /a value=1', 403, 7, notFile('/a', 7)],
    ['PUT /d?dir=true value=lost', 201, 8, event('set', dir('/d', 8))],
  ],
  'create wants nothing there': [
    ['PUT /a?prevExist=false&prevValue=z&prevIndex=9 value=1', 201, 4, event('create', file('/a', '1', 4))],
    ['PUT /a?prevExist=false value=1', 412, 4, refusal(105, 'Key already exists', '/a', 4)],
    ['PUT /d?prevExist=false&dir=true', 201, 5, event('create', dir('/d', 5))],
    ['PUT /d?prevExist=false&dir=true', 412, 5, refusal(105, 'Key already exists', '/d', 5)],
  ],
  'update keeps the index of creation, and empties a file that is given no value': [
    ['PUT /a?prevExist=true value=1', 404, 3, notFound('/a', 3)],
    ['PUT /a value=1', 201, 4, event('set', file('/a', '1', 4))],
    ['PUT /a?prevExist=true value=2', 200, 5, event('update', file('/a', '2', 5, 4), file('/a', '1', 4))],
    [
      'PUT /a?prevExist=true&prevIndex=0',
      200,
      6,
      event('update', file('/a', '', 6, 4), file('/a', '2', 5, 4)),
    ],
    ['PUT /d dir=true', 201, 7, event('set', dir('/d', 7))],
    ['PUT /d?prevExist=true value=2', 403, 7, notFile('/d', 7)],
    ['PUT /d?prevExist=true', 200, 8, event('update', dir('/d', 8, 7), dir('/d', 7))],
    ['GET /d', 200, 8, event('get', dir('/d', 7))],
  ],
  'compare and swap': [
    ['PUT /a?prevValue=1 value=2', 404, 3, notFound('/a', 3)],
    ['PUT /a value=1', 201, 4, event('set', file('/a', '1', 4))],
    ['PUT /a?prevValue=0 value=2', 412, 4, refusal(101, 'Compare failed', '[0 != 1]', 4)],
    ['PUT /a?prevIndex=3 value=2', 412, 4, refusal(101, 'Compare failed', '[3 != 4]', 4)],
    [
      'PUT /a?prevIndex=3&prevValue=0 value=2',
      412,
      4,
      refusal(101, 'Compare failed', '[0 != 1] [3 != 4]', 4),
    ],
    ['PUT /a?prevIndex=4&prevValue=0 value=2', 412, 4, refusal(101, 'Compare failed', '[0 != 1]', 4)],
    [
      'PUT /a?prevValue=1 value=2',
      200,
      5,
      event('compareAndSwap', file('/a', '2', 5, 4), file('/a', '1', 4)),
    ],
    [
      'PUT /a?prevIndex=5&prevExist=true value=3',
      200,
      6,
      event('compareAndSwap', file('/a', '3', 6, 4), file('/a', '2', 5, 4)),
    ],
    ['PUT /d dir=true', 201, 7, event('set', dir('/d', 7))],
    ['PUT /d?prevIndex=7 value=3', 403, 7, notFile('/d', 7)],
  ],
  delete: [
    ['PUT /a value=1', 201, 4, event('set', file('/a', '1', 4))],
    ['DELETE /a?dir=true&recursive=true', 200, 5, event('delete', gone('/a', 5, 4), file('/a', '1', 4))],
    ['PUT /d/e/f value=1', 201, 6, event('set', file('/d/e/f', '1', 6))],
    ['DELETE /d', 403, 6, notFile('/d', 6)],
    ['DELETE /d?dir=true', 403, 6, refusal(108, 'Directory not empty', '/d', 6)],
    [
      'DELETE /d?recursive=true&noValueOnSuccess=true',
      200,
      7,
      event('delete', dir('/d', 7, 6), dir('/d', 6)),
    ],
    ['PUT /d dir=true', 201, 8, event('set', dir('/d', 8))],
    ['DELETE /d?dir=true&prevExist=false', 200, 9, event('delete', dir('/d', 9, 8), dir('/d', 8))],
  ],
  'compare and delete': [
    ['PUT /a value=1', 201, 4, event('set', file('/a', '1', 4))],
    ['DELETE /a?prevValue=0', 412, 4, refusal(101, 'Compare failed', '[0 != 1]', 4)],
    ['DELETE /a?prevIndex=9', 412, 4, refusal(101, 'Compare failed', '[9 != 4]', 4)],
    [
      'DELETE /a?prevIndex=4&prevValue=1',
      200,
      5,
      event('compareAndDelete', gone('/a', 5, 4), file('/a', '1', 4)),
    ],
    ['PUT /d dir=true', 201, 6, event('set', dir('/d', 6))],
    ['DELETE /d?dir=true&prevIndex=6', 403, 6, notFile('/d', 6)],
  ],
  'hidden keys are not listed, and can be named': [
    ['PUT /d/_h/x value=1', 201, 4, event('set', file('/d/_h/x', '1', 4))],
    ['GET /d', 200, 4, event('get', dir('/d', 4))],
    ['GET /?recursive=true', 200, 4, `{"action":"get","node":{"dir":true,"nodes":[${dir('/d', 4)}]}}`],
    [
      'GET /d/_h',
      200,
      4,
      `{"action":"get","node":{"key":"/d/_h","dir":true,"nodes":[${file('/d/_h/x', '1', 4)}],"modifiedIndex":4,"createdIndex":4}}`,
    ],
    ['GET /d/_h/x', 200, 4, event('get', file('/d/_h/x', '1', 4))],
    ['DELETE /d?dir=true', 403, 4, refusal(108, 'Directory not empty', '/d', 4)],
  ],
  'listings are of one level or all, sorted on every level': [
    ['PUT /d/b value=1', 201, 4, event('set', file('/d/b', '1', 4))],
    ['PUT /d/a/z value=2', 201, 5, event('set', file('/d/a/z', '2', 5))],
    ['PUT /d/a/y value=3', 201, 6, event('set', file('/d/a/y', '3', 6))],
    [
      'GET /d?sorted=true',
      200,
      6,
      `{"action":"get","node":{"key":"/d","dir":true,"nodes":[${dir('/d/a', 5)},${file('/d/b', '1', 4)}],"modifiedIndex":4,"createdIndex":4}}`,
    ],
    [
      'GET /d?sorted=true&recursive=true',
      200,
      6,
      `{"action":"get","node":{"key":"/d","dir":true,"nodes":[{"key":"/d/a","dir":true,"nodes":[${file('/d/a/y', '3', 6)},${file('/d/a/z', '2', 5)}],"modifiedIndex":5,"createdIndex":5},${file('/d/b', '1', 4)}],"modifiedIndex":4,"createdIndex":4}}`,
    ],
    ['HEAD /d/b?quorum=true', 200, 6, event('get', file('/d/b', '1', 4))],
  ],
  'the value is left out of answers that are not to have it': [
    ['PUT /a?noValueOnSuccess=true value=1', 201, 4, '{"action":"set"}'],
    ['PUT /a?noValueOnSuccess=true value=1', 200, 5, '{"action":"set"}'],
    ['PUT /b?noValueOnSuccess=true&prevExist=false value=1', 201, 6, '{"action":"create"}'],
    ['PUT /b?noValueOnSuccess=true&prevExist=true value=1', 200, 7, '{"action":"update"}'],
    ['PUT /b?noValueOnSuccess=true&prevValue=1 value=1', 200, 8, '{"action":"compareAndSwap"}'],
  ],
  'refusals take no index, of the parser they have none': [
    [
      'GET /a?recursive=x',
      400,
      0,
      refusal(209, 'Invalid field', 'invalid value for "recursive"', 0).replace(
        '""recursive""',
        '\\"recursive\\"',
      ),
    ],
    ['PUT /a?prevExist=true', 404, 3, notFound('/a', 3)],
    ['PUT /a value=1', 201, 4, event('set', file('/a', '1', 4))],
  ],
}

for (const [rule, steps] of Object.entries(RULES)) {
  t.test(rule, t => {
    const store = freshStore()
    for (const [line, status, index, body] of steps) {
      const answer = ask(store, line)
      t.same([answer.status, answer.index, answer.body], [status, index, `${body}\n`], line)
    }
    t.end()
  })
}

t.test('a refresh keeps the value and counts', t => {
  const store = freshStore()
  const time = '"expiration":"2026-11-23T08:01:40Z","ttl":100'
  const steps: Step[] = [
    ['PUT /a refresh=true&ttl=100', 404, 3, notFound('/a', 3)],
    ['PUT /a value=1', 201, 4, event('set', file('/a', '1', 4))],
    [
      'PUT /a refresh=true&ttl=100',
      200,
      5,
      event('set', `{"key":"/a","value":"1",${time},"modifiedIndex":5,"createdIndex":5}`, file('/a', '1', 4)),
    ],
    [
      'PUT /a prevExist=true&refresh=true&ttl=100',
      200,
      6,
      event(
        'update',
        `{"key":"/a","value":"1",${time},"modifiedIndex":6,"createdIndex":5}`,
        `{"key":"/a","value":"1",${time},"modifiedIndex":5,"createdIndex":5}`,
      ),
    ],
    [
      'PUT /a prevValue=1&refresh=true&ttl=100',
      200,
      7,
      event(
        'compareAndSwap',
        `{"key":"/a","value":"1",${time},"modifiedIndex":7,"createdIndex":5}`,
        `{"key":"/a","value":"1",${time},"modifiedIndex":6,"createdIndex":5}`,
      ),
    ],
    ['PUT /a/b refresh=true&ttl=1', 400, 7, notDir('/a', 7)],
    ['PUT /d dir=true', 201, 8, event('set', dir('/d', 8))],
    ['PUT /d refresh=true&ttl=100', 403, 8, notFile('/d', 8)],
    [
      'PUT /d refresh=true&ttl=100&prevExist=true',
      200,
      9,
      event('update', `{"key":"/d","dir":true,${time},"modifiedIndex":9,"createdIndex":8}`, dir('/d', 8)),
    ],
  ]
  for (const [line, status, index, body] of steps) {
    const answer = ask(store, line)
    t.same([answer.status, answer.index, answer.body], [status, index, `${body}\n`], line)
  }
  t.end()
})

t.test('times to live', t => {
  const store = freshStore()
  const sync = (nowMs: number): undefined => void store.apply({ type: 'sync', nowMs })
  t.equal(
    ask(store, 'PUT /a value=1&ttl=0').body,
    `${event('set', '{"key":"/a","value":"1","expiration":"2026-11-23T08:00:00Z","modifiedIndex":4,"createdIndex":4}')}\n`,
    'due at once: the time is shown, the rest of 0 is not',
  )
  t.match(ask(store, 'GET /a', NOW_MS + 2500).body, '"ttl":-2,', 'overdue and shown until the leader says so')
  sync(NOW_MS - 1)
  t.equal(store.index, 4, 'not yet')
  sync(NOW_MS)
  t.equal(ask(store, 'GET /a').body, `${notFound('/a', 5)}\n`)

  ask(store, 'PUT /a value=1&ttl=5')
  ask(store, 'PUT /a value=1')
  t.equal(store.expiring, 0, 'a set without one drops it')
  ask(store, 'PUT /a value=1&ttl=5')
  t.match(ask(store, 'PUT /a?prevExist=true value=1').body, '"action":"update"')
  t.equal(store.expiring, 0, 'an update too')
  ask(store, 'PUT /a value=1&ttl=5')
  ask(store, 'PUT /a?prevValue=1 value=1')
  t.equal(store.expiring, 0, 'and a compare and swap')
  t.equal(ask(store, 'PUT /a value=1&ttl=').index, store.index)
  t.equal(store.expiring, 0, 'an empty one is none')

  ask(store, 'PUT /d?dir=true&ttl=5')
  ask(store, 'PUT /d/x value=1&ttl=9')
  ask(store, 'PUT /b value=2&ttl=4')
  const before = store.index
  sync(NOW_MS + 5000)
  const [first, second] = store.state.history.list().slice(-2)
  t.same([first?.action, first?.path, first?.index], ['expire', '/1/b', before + 1], 'the earliest first')
  t.same([second?.action, second?.path, second?.index], ['expire', '/1/d', before + 2])
  t.equal(second?.node.value, undefined)
  t.ok(second?.prevNode?.due, 'the old node tells when it was to expire')
  t.equal(store.expiring, 0, 'what was in the directory went with it')
  t.equal(store.stats.expireCount, 3)
  t.end()
})

t.test('times before 2000 are none, where something is made', t => {
  const store = new Store()
  const expiresAtMs = Date.UTC(1999, 11, 31)
  const base = { path: '/1/a', value: '', expiresAtMs }
  store.apply({ type: 'set', dir: false, refresh: false, ...base })
  t.equal(store.expiring, 0)
  store.apply({ type: 'create', dir: true, unique: true, ...base, path: '/1/d' })
  t.equal(store.expiring, 0)
  store.apply({ type: 'update', refresh: false, ...base })
  t.equal(store.expiring, 1)
  store.apply({ type: 'sync', nowMs: expiresAtMs })
  t.equal(store.expiring, 0)
  t.end()
})

t.test('what happens is counted', t => {
  const store = freshStore()
  for (const line of ['GET /', 'GET /x', 'PUT /a value=1', 'PUT / value=1', 'DELETE /a', 'DELETE /a'])
    ask(store, line)
  for (const line of ['PUT /a?prevExist=true', 'PUT /a?prevExist=false', 'PUT /a?prevExist=true', 'POST /a'])
    ask(store, line)
  for (const line of [
    'PUT /a?prevIndex=1',
    'PUT /a?prevIndex=7',
    'DELETE /a?prevIndex=1',
    'DELETE /a?prevIndex=8',
  ])
    ask(store, line)
  t.same(
    { ...store.stats },
    {
      getsSuccess: 1,
      getsFail: 1,
      setsSuccess: 4,
      setsFail: 1,
      deleteSuccess: 1,
      deleteFail: 1,
      updateSuccess: 1,
      updateFail: 1,
      createSuccess: 1,
      createFail: 1,
      compareAndSwapSuccess: 1,
      compareAndSwapFail: 1,
      compareAndDeleteSuccess: 1,
      compareAndDeleteFail: 1,
      expireCount: 0,
      watchers: 0,
    },
  )
  t.end()
})
