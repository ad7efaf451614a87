import t from 'tap'
import { file, link, treeOf } from './fixtures.ts'
import { parsePresets, presetLinks } from './presets.ts'
import { parseUnit } from './unitfile.ts'

const unit = (name: string, install: string) =>
  file(`usr/lib/systemd/system/${name}`, `[Unit]\nDescription=x\n[Install]\n${install}\n`)
const preset = (name: string, text: string) => file(`usr/lib/systemd/system-preset/${name}.preset`, text)
const links = (...entries: Parameters<typeof treeOf>) =>
  presetLinks(treeOf(...entries)).map(({ path, unit }) => [path.replace('etc/systemd/system/', ''), unit])
const at = (name: string) => `usr/lib/systemd/system/${name}`

t.test('the first preset that matches decides', async t => {
  t.same(
    links(
      unit('a.service', 'WantedBy=multi-user.target'),
      unit('b.service', 'WantedBy=multi-user.target other.target\nRequiredBy=r.target\nUpheldBy=u.target'),
      unit('c.service', 'WantedBy=multi-user.target'),
      preset('90-z', 'enable *\n'),
      preset('10-a', '# first\ndisable a.*\nenable b.service\n'),
      preset('20-b', 'disable c.service'),
    ),
    [
      ['multi-user.target.wants/b.service', at('b.service')],
      ['other.target.wants/b.service', at('b.service')],
      ['r.target.requires/b.service', at('b.service')],
      ['u.target.upholds/b.service', at('b.service')],
    ],
  )
})

t.test('aliases, Also, templates and drop-ins', async t => {
  t.same(
    links(
      unit('ssh.service', 'Alias=sshd.service\nAlso=ssh.socket\n'),
      unit('ssh.socket', 'WantedBy=sockets.target'),
      unit('getty@.service', 'WantedBy=getty.target\nDefaultInstance=tty1'),
      unit('x@.service', 'WantedBy=m.target'),
      unit('none@.service', 'WantedBy=m.target'),
      unit('drop.service', 'WantedBy=m.target'),
      file('etc/systemd/system/drop.service.d/x.conf', '[Install]\nWantedBy=\nWantedBy=n.target\n'),
      preset('1', 'enable ssh.service\nenable getty@.service\nenable x@.service a b\nenable none@.service'),
      preset('2', 'enable drop.service\ndisable *'),
    ),
    [
      ['getty.target.wants/getty@tty1.service', at('getty@.service')],
      ['m.target.wants/x@a.service', at('x@.service')],
      ['m.target.wants/x@b.service', at('x@.service')],
      ['n.target.wants/drop.service', at('drop.service')],
      ['sockets.target.wants/ssh.socket', at('ssh.socket')],
      ['sshd.service', at('ssh.service')],
    ],
  )
})

t.test('masked units and aliases are not enabled', async t => {
  t.same(
    links(
      unit('a.service', 'WantedBy=m.target'),
      link('etc/systemd/system/a.service', '/dev/null'),
      link('usr/lib/systemd/system/b.service', 'a.service'),
      preset('1', 'enable *'),
    ),
    [],
  )
})

t.test('a preset for a unit that is not there is an error, for a pattern it is not', async t => {
  t.throws(() => links(preset('1', 'enable gone.service')), {
    name: 'UserError',
    message: /enables gone.service/,
  })
  t.same(links(preset('1', 'enable gone*.service\ndisable other.service')), [])
  t.throws(() => parsePresets('enabel x.service', 'f'), /f:1: a preset is/)
})

t.test('unit syntax: comments, continued lines, empty values', async t => {
  const parsed = parseUnit('[A]\nx=1\n# c\n; c\ny = a \\\n # inside\n  b\n[B]\nx=2\nx=\nx=3\nnonsense\n')
  t.same(parsed.values('A', 'x'), ['1'])
  t.same(parsed.words('A', 'y'), ['a', 'b'])
  t.same(parsed.values('B', 'x'), ['3'])
  t.same(parsed.values('B', 'none'), [])
})
