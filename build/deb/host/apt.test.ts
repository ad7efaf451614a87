import { writeFileSync } from 'node:fs'
import t from 'tap'
import { findMirrors } from './apt.ts'

const SIGNED = 'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg'

t.test('both kinds of files, lists of mirrors and the proxy', async t => {
  const folder = t.testdir({
    'sources.list': '# empty\n',
    'sources.list.d': {
      'a.list': 'deb https://other.test/x bookworm stable\n',
      'debian.sources.disabled': `Types: deb\nURIs: http://wrong.test/debian\nSuites: trixie\nComponents: main\n${SIGNED}\n`,
      'debian.sources': '', // replaced below: it must name the folder
    },
    'apt.conf.d': { '01proxy': 'Acquire::http::Proxy "http://proxy.test:3128";\n' },
    mirrors: { 'debian.list': 'https://mirror.test/debian\tpriority:1\nhttps://second.test/debian\n' },
  })
  writeFileSync(
    `${folder}/sources.list.d/debian.sources`,
    `Types: deb\nURIs: mirror+file://${folder}/mirrors/debian.list\nSuites: trixie trixie-updates\nComponents: main\n${SIGNED}\n`,
  )
  t.same(await findMirrors({}, folder), {
    main: 'https://mirror.test/debian',
    security: 'https://mirror.test/debian-security',
    proxy: 'http://proxy.test:3128',
  })
  t.equal((await findMirrors({ http_proxy: 'http://mine.test' }, folder)).proxy, 'http://mine.test')
})

t.test('a host without apt', async t => {
  await t.rejects(findMirrors({}, '/nonexistent'), { name: 'UserError', hint: /ORLOP_DEBIAN_MIRROR/ })
  const environment = { ORLOP_DEBIAN_MIRROR: 'http://a.test/debian' }
  t.equal((await findMirrors(environment, '/nonexistent')).security, 'http://a.test/debian-security')
})
