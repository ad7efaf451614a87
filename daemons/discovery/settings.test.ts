// The discovery service: settings, routes and quotas.

import t from 'tap'
import { Quota } from './quota.ts'
import { methodsOf, readSize, routeOf } from './route.ts'
import { helpText, readSettings } from './settings.ts'

const TOKEN = '0123456789abcdef0123456789abcdef'

t.test('routes', t => {
  const cases: [path: string, route: object][] = [
    ['/', { kind: 'root' }],
    ['/health', { kind: 'health' }],
    ['/robots.txt', { kind: 'robots' }],
    ['/new', { kind: 'new', size: '3' }],
    [`/${TOKEN}`, { kind: 'keys', key: `/${TOKEN}`, isMember: false }],
    [`/${TOKEN}/`, { kind: 'keys', key: `/${TOKEN}`, isMember: false }],
    [`/${TOKEN}/_config/size`, { kind: 'keys', key: `/${TOKEN}/_config/size`, isMember: false }],
    [`/${TOKEN}/ce2a822cea30bfca`, { kind: 'keys', key: `/${TOKEN}/ce2a822cea30bfca`, isMember: true }],
    [`/${TOKEN}/_config`, { kind: 'unknown' }],
    [`/${TOKEN}/a/b`, { kind: 'unknown' }],
    [`/${TOKEN}/../x`, { kind: 'unknown' }],
    [`/${TOKEN.toUpperCase()}`, { kind: 'unknown' }],
    [`/${TOKEN}0`, { kind: 'unknown' }],
    ['/v2/keys/', { kind: 'unknown' }],
  ]
  for (const [path, route] of cases) t.same(routeOf(path, 'size=3'), route, path)
  t.same(methodsOf(routeOf(`/${TOKEN}`, '')), ['GET'], 'a token is not removed by whoever knows it')
  t.ok(methodsOf(routeOf(`/${TOKEN}/a`, '')).includes('PUT'))
  t.end()
})

t.test('sizes', t => {
  t.same([readSize('', 9), readSize('1', 9), readSize('9', 9)], [3, 1, 9])
  for (const text of ['0', '10', '-1', 'x', '1e1', '3.5', ' 3', '9999999'])
    t.match(readSize(text, 9), /^size must be a number from 1 to 9, not "/, text)
  t.end()
})

t.test('quotas', t => {
  const quota = new Quota(2, 1000, 2)
  t.same([quota.take('a', 0), quota.take('a', 1), quota.take('a', 999)], [true, true, false])
  t.ok(quota.take('b', 999))
  t.notOk(quota.take('c', 999), 'no more callers than are counted')
  t.same([quota.take('a', 1000), quota.take('c', 1000)], [true, true], 'the next stretch')
  t.end()
})

t.test('settings', t => {
  t.match(readSettings([], {}), {
    listen: { host: '::', port: 8087 },
    host: 'http://localhost:8087',
    endpoints: ['http://127.0.0.1:2379'],
    prefix: '/_etcd/registry',
    sizeMax: 9,
    ttlSeconds: 30 * 86_400,
  })
  const env = { DISC_ADDR: '[::1]:1', DISC_HOST: 'https://d.example/', DISC_ETCD: 'http://a:1, http://b:2' }
  t.match(readSettings(['-addr', '127.0.0.1:2', '--prefix', 'x/y/'], env), {
    listen: { host: '127.0.0.1', port: 2 },
    host: 'https://d.example',
    endpoints: ['http://a:1', 'http://b:2'],
    prefix: '/x/y',
  })
  t.equal(readSettings(['--help'], {}), undefined)
  t.match(helpText(), '--new-max')
  const bad: [args: string[], line: RegExp][] = [
    [['--nope'], /flag provided but not defined: -nope/],
    [['stray'], /'stray' is no flag/],
    [['--addr', '8087'], /--addr: 8087 is not of the form host:port/],
    [['--addr', ':65536'], /--addr/],
    [['--host', 'example.org'], /--host: example\.org must be a URL/],
    [['--host', 'http://h/path'], /--host/],
    [['--etcd', 'http://a:1,,'], /--etcd/],
    [['--prefix', '/'], /--prefix must name a directory/],
    [['--size-max', '0'], /--size-max must be from 1 to 100/],
  ]
  for (const [args, line] of bad)
    t.throws(() => readSettings(args, {}), { name: 'UserError', message: line }, args.join(' '))
  t.end()
})
