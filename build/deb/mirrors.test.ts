import t from 'tap'
import { chooseMirrors, parseAptProxy, parseSources, parseSourcesList } from './mirrors.ts'

const DEBIAN = `
# comment
Types: deb deb-src
URIs: http://mirror.test/debian/
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.test/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`

t.test('deb822 sources', async t => {
  t.same(chooseMirrors(parseSources(DEBIAN), {}), {
    main: 'http://mirror.test/debian',
    security: 'http://mirror.test/debian-security',
  })
})

t.test('one-line sources', async t => {
  const sources = parseSourcesList(`
    # deb http://old.test/debian bookworm main
    deb-src http://src.test/debian trixie main
    deb [arch=amd64 signed-by=/x/debian-archive-keyring.gpg] https://mirror.test/debian trixie main contrib # note
    deb http://mirror.test/security trixie-security main
  `)
  t.same(chooseMirrors(sources, {}), {
    main: 'https://mirror.test/debian',
    security: 'http://mirror.test/security',
  })
})

t.test('archives of others are no mirrors', async t => {
  const others = [
    ...parseSources('Types: deb\nURIs: https://node.test/node_20.x\nSuites: nodistro\nComponents: main\n'),
    ...parseSourcesList(`
      deb [signed-by=/x/hashi.gpg] https://apt.hashi.test bookworm main
      deb https://packages.google.test/apt cloud-sdk-bookworm main
      deb https://download.docker.test/linux/debian bookworm stable
      deb http://archive.ubuntu.test/ubuntu noble main
      deb cdrom:[Debian]/ trixie main
      deb file:/srv/debian trixie main
    `),
  ]
  t.throws(() => chooseMirrors(others, {}), { message: /cannot tell where/, hint: /ORLOP_DEBIAN_MIRROR/ })
  t.equal(chooseMirrors([...others, ...parseSources(DEBIAN)], {}).main, 'http://mirror.test/debian')
})

t.test('disabled sources are no mirrors', async t => {
  t.throws(
    () => chooseMirrors(parseSources(DEBIAN.replaceAll('Types:', 'Enabled: no\nTypes:')), {}),
    /cannot tell/,
  )
})

t.test('the security archive beside the main one', async t => {
  t.equal(
    chooseMirrors(parseSources(DEBIAN.split('\n\n')[0]!), {}).security,
    'http://mirror.test/debian-security',
  )
  const odd = parseSourcesList('deb [signed-by=/x/debian-archive.gpg] http://m.test/pub trixie main')
  t.throws(() => chooseMirrors(odd, {}), {
    message: /security archive/,
    hint: /ORLOP_DEBIAN_SECURITY_MIRROR/,
  })
})

t.test('the environment wins', async t => {
  const environment = {
    ORLOP_DEBIAN_MIRROR: 'http://a.test/d/',
    ORLOP_DEBIAN_SECURITY_MIRROR: 'http://b.test/s',
  }
  t.same(chooseMirrors(parseSources(DEBIAN), environment), {
    main: 'http://a.test/d',
    security: 'http://b.test/s',
  })
  t.same(chooseMirrors([], environment), { main: 'http://a.test/d', security: 'http://b.test/s' })
  t.throws(() => chooseMirrors([], { ORLOP_DEBIAN_MIRROR: '/srv/debian' }), {
    message: /ORLOP_DEBIAN_MIRROR is '\/srv\/debian'/,
    hint: /http:\/\//,
  })
})

t.test("apt's proxy", async t => {
  t.equal(parseAptProxy('Acquire::http::Proxy "http://proxy.test:3128/";'), 'http://proxy.test:3128/')
  t.equal(parseAptProxy('acquire::HTTP::proxy "http://p:1";'), 'http://p:1')
  t.equal(parseAptProxy('Acquire { Retries "3"; http { Proxy "http://p:2"; }; };'), 'http://p:2')
  t.equal(parseAptProxy('Acquire { http::Proxy "http://p:3"; };'), 'http://p:3')
  t.equal(parseAptProxy('// Acquire::http::Proxy "http://p:4";'), undefined)
  t.equal(parseAptProxy('Acquire::http::Proxy "DIRECT";'), undefined)
  t.equal(parseAptProxy('Acquire::Check-Valid-Until "false";'), undefined)
})
