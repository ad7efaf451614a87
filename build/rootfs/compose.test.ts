import t from 'tap'
import type { Lock } from '../deb/lock.ts'
import type { PackageContents } from '../deb/unpack.ts'
import { composeRoot, type Root, type RootInput } from './compose.ts'
import { readText } from './content.ts'
import type { TreeEntry } from './entry.ts'
import { makeElf } from './fixture-elf.ts'
import { directory, file, link } from './fixtures.ts'
import { treeDigest } from './texts.ts'

const DATE = 1_700_000_000
const PEM = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'

function contents(name: string, entries: TreeEntry[]): PackageContents {
  const locked = {
    name,
    version: '1:2+b1',
    architecture: 'amd64',
    size: 1,
    sha256: name,
    suite: 's',
    path: `pool/${name}.deb`,
  }
  const own = entries.map(entry => ({ ...entry, origin: name, mtime: DATE + 5 }))
  return { package: locked, control: {}, conffiles: [], entries: own }
}

const PACKAGES = [
  contents('base-files', [
    directory('var/lib/x', { mode: 0o700, uid: 1, gid: 1 }),
    directory('usr/sbin'),
    directory('usr/lib64'),
    directory('var/run'),
    link('usr/bin/sh', 'bash'),
    file('usr/share/doc/base-files/copyright', 'free'),
    file('usr/share/man/man1/sh.1', 'words'),
  ]),
  contents('base-passwd', [
    file('usr/share/base-passwd/passwd.master', 'root:*:0:0:root:/root:/bin/bash\ndaemon:*:1:1:::\n'),
    file('usr/share/base-passwd/group.master', 'root:*:0:\ndaemon:*:1:\nshadow:*:42:\n'),
    file('usr/share/doc/base-passwd/copyright', 'free'),
  ]),
  contents('bash', [
    file('bin/bash', makeElf({ needed: ['libc.so.6'] }), { mode: 0o755 }),
    file('usr/lib/x86_64-linux-gnu/libc.so.6', makeElf({ soname: 'libc.so.6' })),
    file(
      'usr/lib/systemd/system/a.service',
      '[Service]\nExecStart=/bin/bash\n[Install]\nWantedBy=m.target\n',
    ),
    file('usr/lib/systemd/system-preset/1.preset', 'enable *\n'),
    file('usr/share/ca-certificates/mozilla/b.crt', `${PEM}\n`),
    file('usr/share/ca-certificates/mozilla/a.crt', PEM.replace('AAAA', 'BBBB')),
  ]),
]

const LOCK = {
  version: 1,
  date: DATE,
  request: '',
  suites: [{ name: 's', archive: 'main', date: DATE }],
  groups: { root: PACKAGES.map(item => item.package.name) },
  packages: PACKAGES.map(item => item.package),
} satisfies Lock

const MIB = 1 << 20
const RECIPE = {
  name: 'Orlop',
  id: 'orlop',
  version: '1.2.3',
  hostname: 'orlop',
  sizes: { esp: MIB, slot: MIB, oem: MIB, state: MIB },
  erofs: { compressor: 'zstd', clusterSize: 65536, features: [], special: [] },
}

const PRUNE = { rules: [{ remove: ['usr/share/{doc,man}'], reason: 'words' }] }
const LAYOUT = {
  directories: [{ path: 'srv/x', mode: '0750', owner: 'daemon:shadow' }],
  links: [{ path: 'var/run', target: '../run' }],
  outside: [{ paths: ['run', 'usr/share/factory/run'], reason: 'later' }],
}
const ACCOUNTS = { ids: { users: {}, groups: {} } }

function input(change: { prune?: object; layout?: object; programs?: string[] } = {}): RootInput {
  const imageFolder = t.testdir({
    'prune.json': JSON.stringify(change.prune ?? PRUNE),
    'layout.json': JSON.stringify(change.layout ?? LAYOUT),
    'accounts.json': JSON.stringify(ACCOUNTS),
    overlay: { etc: { hello: 'overlay' } },
    binary: 'not ELF',
  })
  return {
    packages: PACKAGES,
    kernel: {
      entries: [file('usr/lib/modules/6/x.ko', 'module', { origin: 'linux-image-6' })],
      release: '6',
    },
    binary: { path: `${imageFolder}/binary`, size: 7, sha256: 'b' },
    programs: change.programs ?? ['slotctl'],
    imageFolder,
    sysctl: 'kernel.x = 1\n',
    recipe: RECIPE,
    lock: LOCK,
  }
}

const text = (root: Root, path: string) => {
  const entry = root.tree.get(path)
  return entry?.type === 'file' ? readText(entry.content) : undefined
}

t.test('a whole root: everything that maintainer scripts would have made is there', async t => {
  const root = await composeRoot(input())
  t.equal(text(root, 'etc/hello'), 'overlay')
  t.match(text(root, 'etc/passwd'), /^root:x:0:0:/)
  t.match(text(root, 'etc/ssl/certs/ca-certificates.crt'), /BBBB.*AAAA/s)
  t.match(text(root, 'usr/lib/os-release'), /^ID=orlop$.*^VERSION_ID=1\.2\.3$.*^BUILD_ID=[0-9a-f]{16}$/ms)
  t.match(root.tree.get('usr/bin/slotctl'), { type: 'symlink', target: '../lib/orlop/orlop' })
  t.match(root.tree.get('etc/systemd/system/m.target.wants/a.service'), {
    target: '/usr/lib/systemd/system/a.service',
  })
  t.ok(root.tree.has('etc/ld.so.cache'))
  t.ok(root.tree.has('usr/lib/modules/6/x.ko'))
  t.notOk(root.tree.has('usr/share/man'))
  t.equal(text(root, 'usr/share/licenses/base-files/copyright'), 'free')
  t.match(root.tree.get('usr/share/licenses/base-passwd/copyright'), { target: '../base-files/copyright' })
  t.match(root.tree.get('srv/x'), { mode: 0o750, uid: 1, gid: 42 })
  t.ok(root.tree.list().every(entry => entry.mtime <= DATE))
})

t.test('var becomes a factory copy and lines for tmpfiles', async t => {
  const root = await composeRoot(input())
  t.same(root.tree.children('var'), [])
  t.match(root.tree.get('usr/share/factory/var/lib/x'), { mode: 0o700, uid: 1 })
  const lines = text(root, 'usr/lib/tmpfiles.d/orlop-var.conf')
  t.match(lines, /^d \/var\/lib\/x 0700 daemon daemon -$/m)
  t.match(lines, /^L \/var\/run - - - - \.\.\/run$/m)
})

t.test('the bill of materials names every package, in the image and beside it', async t => {
  const root = await composeRoot(input())
  t.equal(text(root, 'usr/share/orlop/sbom.spdx.json'), root.sbom)
  const sbom = JSON.parse(root.sbom)
  t.equal(sbom.creationInfo.created, '2023-11-14T22:13:20Z')
  t.same(
    sbom.packages.map((item: { name: string }) => item.name),
    ['orlop', 'base-files', 'base-passwd', 'bash'],
  )
  t.match(sbom.packages[1], {
    externalRefs: [{ referenceLocator: 'pkg:deb/debian/base-files@1:2%2Bb1?arch=amd64&distro=s' }],
    licenseComments: 'see /usr/share/licenses/base-files/copyright',
  })
  t.equal(sbom.relationships.length, 3)
})

t.test('the same input gives the same tree, another input another build id', async t => {
  const [one, two] = [await composeRoot(input()), await composeRoot(input())]
  t.equal(treeDigest(one.tree), treeDigest(two.tree))
  t.equal(one.sbom, two.sbom)
  const other = await composeRoot(input({ programs: ['slotctl', 'other'] }))
  t.not(text(other, 'usr/lib/os-release'), text(one, 'usr/lib/os-release'))
  t.equal(one.report.components['kernel modules'], 6)
  t.equal(one.report.components['orlop binary'], 7)
})

t.test('over-pruning and wrong layouts are told', async t => {
  const tooMuch = { rules: [{ remove: ['usr/lib/x86_64-linux-gnu/libc.so.6'], reason: 'oops' }] }
  await t.rejects(composeRoot(input({ prune: tooMuch })), {
    message: /usr\/bin\/bash .* needs the library libc.so.6/,
  })
  const owner = { directories: [{ path: 'a', mode: '0755', owner: 'nobody:daemon' }] }
  await t.rejects(composeRoot(input({ layout: owner })), { message: /"a" is to belong to nobody:daemon/ })
  await t.rejects(composeRoot(input({ layout: { modes: [{ path: 'a', mode: '0644' }] } })), {
    message: /"modes" names a/,
  })
  await t.rejects(composeRoot(input({ layout: { directories: [{ path: 'a', mode: '755' }] } })), {
    message: /"directories\[0\].mode" must be four octal digits/,
  })
  await t.rejects(composeRoot(input({ layout: { direktories: [] } })), {
    message: /unknown key "direktories"/,
  })
})
