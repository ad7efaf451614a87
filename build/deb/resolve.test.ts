import t from 'tap'
import { PackageIndex } from './index.ts'
import type { GroupRequest } from './request.ts'
import { resolveGroup } from './resolve.ts'
import { stanza } from './testing/mirror.ts'

function indexOf(...stanzas: string[]): PackageIndex {
  const index = new PackageIndex()
  index.add('trixie', stanzas.join('\n'), 'amd64')
  return index
}

function resolve(index: PackageIndex, wanted: string[], more: Partial<GroupRequest> = {}): string {
  const group = { wanted, closure: true, follow: [], exclude: {}, ...more }
  return resolveGroup(index, group, 'amd64', 'packages.json: group root')
    .map(item => item.name)
    .join(' ')
}

t.test('follows Depends and Pre-Depends, not Recommends', async t => {
  const index = indexOf(
    stanza('a', '1', { Depends: 'b (>= 1)', 'Pre-Depends': 'c', Recommends: 'd' }),
    stanza('b', '1', { Depends: 'a' }), // a loop
    stanza('c', '1'),
    stanza('d', '1'),
    stanza('essential', '1', { Essential: 'yes' }),
  )
  t.equal(resolve(index, ['a']), 'a b c')
})

t.test('takes the newest version of the suites, whatever their order', async t => {
  const old = stanza('a', '1.0-1', { Depends: 'b' })
  const now = stanza('a', '1.0-1+deb13u1')
  for (const [first, second] of [
    [old, now],
    [now, old],
  ]) {
    const index = new PackageIndex()
    index.add('trixie', [first!, stanza('b', '1')].join('\n'), 'amd64')
    index.add('trixie-security', second!, 'amd64')
    t.equal(resolve(index, ['a']), 'a')
    t.equal(index.get('a')!.version, '1.0-1+deb13u1')
  }
})

t.test('alternatives: what is chosen already, else the first that exists and fits', async t => {
  const index = indexOf(
    stanza('a', '1', { Depends: 'x | y' }),
    stanza('b', '1', { Depends: 'absent | y (>= 2) | z' }),
    stanza('x', '1'),
    stanza('y', '1'),
    stanza('z', '1'),
  )
  t.equal(resolve(index, ['a']), 'a x')
  t.equal(resolve(index, ['a', 'y']), 'a y')
  t.equal(resolve(index, ['b']), 'b z')
})

t.test('virtual packages', async t => {
  const index = indexOf(
    stanza('a', '1', { Depends: 'mta' }),
    stanza('b', '1', { Depends: 'lib (>= 2)' }),
    stanza('zz-important', '1', { Provides: 'mta', Priority: 'important' }),
    stanza('exim', '1', { Provides: 'mta', Priority: 'optional' }),
    stanza('lib-unversioned', '5', { Provides: 'lib' }),
    stanza('lib-old', '5', { Provides: 'lib (= 1)' }),
    stanza('lib-new', '0.1', { Provides: 'lib (= 2)' }),
  )
  t.equal(resolve(index, ['a']), 'a zz-important', 'priority before name')
  t.equal(resolve(index, ['a', 'exim']), 'a exim', 'one that is there already')
  t.equal(resolve(index, ['b']), 'b lib-new', 'a version needs a versioned Provides')
  t.throws(() => resolve(index, ['mta']), {
    message: /no suite has a package mta/,
    hint: /exim, zz-important/,
  })
})

t.test('architecture qualifiers', async t => {
  const index = indexOf(
    stanza('a', '1', { Depends: 'b:any' }),
    stanza('c', '1', { Depends: 'b:i386' }),
    stanza('b', '1'),
  )
  t.equal(resolve(index, ['a']), 'a b')
  t.throws(() => resolve(index, ['c']), /wanted c needs b:i386/)
})

t.test('stanzas of other machines are passed over', async t => {
  t.throws(
    () => resolve(indexOf(stanza('a', '1', { Architecture: 'arm64' })), ['a']),
    /no suite has a package a/,
  )
})

t.test('excluded packages count as present', async t => {
  const index = indexOf(
    stanza('a', '1', { Depends: 'debconf (>= 9) | debconf-2.0, b' }),
    stanza('b', '1', { Depends: 'only-by-debconf-2' }),
    stanza('debconf', '1', { Depends: 'perl', Provides: 'only-by-debconf-2' }),
    stanza('cdebconf', '1', { Provides: 'debconf-2.0' }),
    stanza('perl', '1'),
  )
  t.equal(resolve(index, ['a'], { exclude: { debconf: 'no scripts run' } }), 'a b')
  t.throws(() => resolve(index, ['a'], { exclude: { debcon: 'typo' } }), /exclude names debcon/)
})

t.test('says who wants what cannot be had', async t => {
  const index = indexOf(
    stanza('docker', '1', { Depends: 'containerd' }),
    stanza('containerd', '1', { Depends: 'runc (>= 2) | crun' }),
    stanza('runc', '1.9'),
  )
  t.throws(() => resolve(index, ['docker']), {
    name: 'UserError',
    message:
      'packages.json: group root: wanted docker → containerd needs runc (>= 2) | crun, but runc is at 1.9 and no suite has crun',
  })
})

t.test('conflicts', async t => {
  const index = indexOf(
    stanza('a', '1', { Depends: 'b' }),
    stanza('b', '1', { Breaks: 'c (<< 2)' }),
    stanza('c', '1'),
    stanza('d', '1', { Conflicts: 'mta', Provides: 'mta' }),
    stanza('e', '1', { Provides: 'mta' }),
    stanza('f', '1', { Breaks: 'c (<< 1)' }),
  )
  t.throws(
    () => resolve(index, ['a', 'c']),
    /wanted a → b cannot be beside wanted c \(b conflicts with c \(<< 2\)\)/,
  )
  t.throws(() => resolve(index, ['d', 'e']), /wanted d cannot be beside wanted e/)
  t.equal(resolve(index, ['d']), 'd', 'a package does not conflict with itself')
  t.equal(resolve(index, ['c', 'f']), 'c f')
})

t.test('without closure, following a meta package', async t => {
  const index = indexOf(
    stanza('linux-image-amd64', '6.12.117-1', { Depends: 'linux-image-6.12.117-amd64 (= 6.12.117-1)' }),
    stanza('linux-image-6.12.117-amd64', '6.12.117-1', { Depends: 'kmod, initramfs-tools' }),
  )
  const more = { closure: false, follow: ['linux-image-*'] }
  t.equal(resolve(index, ['linux-image-amd64'], more), 'linux-image-6.12.117-amd64')
  t.equal(resolve(index, ['linux-image-amd64'], { closure: false }), 'linux-image-amd64')
})

t.test('the order of the wish list has no influence', async t => {
  const index = indexOf(
    stanza('a', '1', { Depends: 'v' }),
    stanza('b', '1', { Depends: 'y | x' }),
    stanza('x', '1', { Provides: 'v' }),
    stanza('y', '1', { Provides: 'v' }),
  )
  t.equal(resolve(index, ['a', 'b']), resolve(index, ['b', 'a']))
})

t.test('broken entries are refused by name', async t => {
  for (const fields of [
    { Filename: '../../etc/passwd' },
    { Filename: 'pool/../../x.deb' },
    { Size: '-1' },
    { SHA256: 'abc' },
    { Depends: 'b (' },
  ] as Record<string, string>[]) {
    t.throws(
      () => resolve(indexOf(stanza('a', '1', fields), stanza('b', '1')), ['a']),
      /suite trixie .* package a: /,
    )
  }
})
