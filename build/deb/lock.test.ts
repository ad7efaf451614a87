import t from 'tap'
import { checkLock, describeLockChange, formatLock, type Lock, packagesOf, parseLock } from './lock.ts'
import { parseRequest, requestHash } from './request.ts'
import { lockedAs } from './testing/deb.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

const LOCK: Lock = {
  version: 1,
  date: 1_700_000_000,
  request: 'abc',
  suites: [{ name: 'trixie', archive: 'main', date: 1_700_000_000 }],
  groups: { tools: ['bash'], root: ['dash', 'bash'] },
  packages: [lockedAs('dash', bytes('dash')), lockedAs('bash', bytes('bash'))],
}

const broken = (change: (lock: Lock) => unknown) => {
  const copy = structuredClone(LOCK)
  change(copy)
  return () => parseLock(JSON.stringify(copy), 'lock.json')
}

t.test('survives writing and reading', async t => {
  const text = formatLock(LOCK)
  const lock = parseLock(text, 'lock.json')
  t.equal(formatLock(lock), text)
  t.same(
    packagesOf(lock, 'root').map(item => item.name),
    ['bash', 'dash'],
  )
  t.equal(text.split('\n').filter(line => line.includes('"sha256"')).length, 2, 'a line for each package')
  t.ok(text.indexOf('"root"') < text.indexOf('"tools"'), 'groups are sorted')
})

t.test('what is wrong is named, with the way out', async t => {
  t.throws(() => parseLock('', 'lock.json'), { message: /^lock.json: /, hint: /run `npm run orlop -- lock`/ })
  t.throws(() => parseLock('null', 'lock.json'), /lock.json: is no lock/)
  t.throws(
    broken(lock => Object.assign(lock, { version: 2 })),
    /version 1/,
  )
  t.throws(
    broken(lock => Object.assign(lock, { date: 'now' })),
    /date must be/,
  )
  t.throws(
    broken(lock => Object.assign(lock.packages[1]!, { sha256: 'ABC' })),
    /packages\[1\] \(bash\): sha256 is "ABC"/,
  )
  t.throws(
    broken(lock => Object.assign(lock.packages[1]!, { size: '5' })),
    /packages\[1\] \(bash\): size is "5"/,
  )
  t.throws(
    broken(lock => Object.assign(lock.packages[1]!, { path: 'pool/../../x.deb' })),
    /\(bash\): path is/,
  )
  t.throws(
    broken(lock => Object.assign(lock.packages[1]!, { suite: 'sid' })),
    /package bash: no suite sid/,
  )
  t.throws(
    broken(lock => Reflect.deleteProperty(lock.packages[1]!, 'path')),
    /\(bash\): path is undefined/,
  )
  t.throws(
    broken(lock => lock.packages.push(lock.packages[0]!)),
    /package dash is there twice/,
  )
  t.throws(
    broken(lock => lock.packages.pop()),
    /group tools has bash, which is not among the packages/,
  )
  t.throws(() => packagesOf(LOCK, 'kernel'), /no group 'kernel'/)
})

t.test('a lock for another request is noticed', async t => {
  const request = parseRequest(
    '{"architecture":"amd64","suites":[{"name":"trixie","archive":"main","components":["main"]}],"groups":{}}',
    'packages.json',
  )
  t.throws(() => checkLock(LOCK, request, 'lock.json'), /lock.json: was made for another list/)
  t.doesNotThrow(() => checkLock({ ...LOCK, request: requestHash(request) }, request, 'lock.json'))
})

t.test('tells what changed', async t => {
  const [dash, bash] = LOCK.packages as [Lock['packages'][0], Lock['packages'][0]]
  const now: Lock = {
    ...LOCK,
    groups: { tools: [], root: ['bash', 'zsh'] },
    packages: [{ ...bash, version: '2' }, lockedAs('zsh', bytes('zsh'))],
  }
  t.same(describeLockChange(LOCK, now), [
    'changed bash 1 → 2',
    'removed dash 1',
    'added zsh 1',
    'group tools loses bash',
  ])
  t.same(describeLockChange(LOCK, LOCK), [])
  t.same(describeLockChange(undefined, { ...LOCK, packages: [dash] }), ['added dash 1'])
  t.same(describeLockChange(LOCK, { ...LOCK, packages: [dash, { ...bash, sha256: '0' }] }), [
    'changed bash 1: other content',
  ])
})
