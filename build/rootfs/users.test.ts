import t from 'tap'
import { formatAccounts, parseGroup, parsePasswd } from './accounts.ts'
import { readText } from './content.ts'
import { file, treeOf } from './fixtures.ts'
import { parseSysusers } from './sysusers.ts'
import { composeAccounts, parseAccountsFile, putAccounts } from './users.ts'

const OWN = {
  ids: { users: { bus: 100, core: 500 }, groups: { journal: 110, docker: 111 } },
  groups: ['docker'],
  users: [
    {
      name: 'core',
      gecos: 'C',
      home: '/home/core',
      shell: '/bin/bash',
      groups: ['sudo', 'docker', 'journal'],
    },
  ],
}
const own = (change: object = {}) => parseAccountsFile(JSON.stringify({ ...OWN, ...change }), 'accounts.json')
const tree = (...sysusers: string[]) =>
  treeOf(
    file(
      'usr/share/base-passwd/passwd.master',
      'root:*:0:0:root:/root:/bin/bash\nnobody:*:65534:65534::/x:/y\n',
    ),
    file('usr/share/base-passwd/group.master', 'root:*:0:\nsudo:*:27:\nshadow:*:42:\nnogroup:*:65534:\n'),
    ...sysusers.map((text, index) => file(`usr/lib/sysusers.d/${index}.conf`, text)),
  )

t.test('accounts come from all three sources, with fixed numbers and no password', async t => {
  const image = tree(
    'g journal - -\nu! bus - "Message Bus"\n',
    'u sshd 33:nogroup "s" /run/sshd\nm bus journal\n',
  )
  putAccounts(image, composeAccounts(image, own(), 'accounts.json'), 7)
  const text = (path: string) => {
    const entry = image.get(path)
    return entry?.type === 'file' ? readText(entry.content) : ''
  }
  t.equal(
    text('etc/passwd'),
    [
      'root:x:0:0:root:/root:/bin/bash',
      'sshd:x:33:65534:s:/run/sshd:/usr/sbin/nologin',
      'bus:x:100:100:Message Bus:/:/usr/sbin/nologin',
      'core:x:500:500:C:/home/core:/bin/bash',
      'nobody:x:65534:65534::/x:/y',
      '',
    ].join('\n'),
  )
  t.match(text('etc/group'), /^sudo:x:27:core$/m)
  t.match(text('etc/group'), /^journal:x:110:bus,core$/m)
  t.match(text('etc/group'), /^docker:x:111:core$/m)
  t.match(text('etc/shadow'), /^root:!\*:::::::\nsshd:\*:::::::\n/)
  t.match(image.get('etc/shadow'), { mode: 0o640, gid: 42 })
  t.match(image.get('etc/gshadow'), { mode: 0o640, gid: 42 })
  t.match(text('usr/lib/sysusers.d/orlop.conf'), /^u bus 100:100 "Message Bus" \/ \/usr\/sbin\/nologin$/m)
  t.equal(image.children('usr/lib/sysusers.d').length, 1)
})

t.test('a sysusers file of ours reads back to the same accounts', async t => {
  const image = tree('g journal - -\n')
  const accounts = composeAccounts(image, own(), 'accounts.json')
  putAccounts(image, accounts, 7)
  t.same(
    formatAccounts(composeAccounts(image, own({ ids: { ...OWN.ids, users: { core: 500 } } }), 'x')),
    formatAccounts(accounts),
  )
})

t.test('a new account without a number is refused, and the number to take is told', async t => {
  t.throws(() => composeAccounts(tree('g journal -\nu new -\n'), own(), 'accounts.json'), {
    name: 'UserError',
    message: 'usr/lib/sysusers.d/0.conf:2 asks for the user new, which has no number in accounts.json',
    hint: 'add "new": 501 to its "users"; a number once released must never change',
  })
})

t.test('what contradicts itself is refused', async t => {
  t.throws(() => own({ ids: { users: { a: 1, b: 1 }, groups: {} } }), /a and b share the number 1/)
  t.throws(() => composeAccounts(tree('g journal 27\n'), own(), 'x'), /sudo and journal share the number 27/)
  t.throws(() => composeAccounts(tree('g journal -\nu a 1:none\n'), own(), 'x'), /there is no group none/)
  t.throws(() => composeAccounts(tree(), own(), 'x'), /no group journal/)
  t.throws(() => composeAccounts(tree('z a\n'), own(), 'x'), /0.conf:1: "z" is not a type/)
  t.throws(() => composeAccounts(treeOf(), own(), 'x'), /bring no usr\/share\/base-passwd/)
})

t.test('bad files are refused with their line', async t => {
  t.throws(() => parsePasswd('root:x:0\n', 'p'), /p:1: 7 fields/)
  t.throws(() => parsePasswd('# c\nroot:x:-1:0:::\n', 'p'), /p:2: "-1" is not an id/)
  t.throws(() => parsePasswd('ro ot:x:1:0:::\n', 'p'), /"ro ot" is not a user or group name/)
  t.throws(() => parseGroup('a:x:65535:\n', 'g'), /g:1: "65535" is not an id/)
  t.throws(() => parseSysusers('u', 's'), /s:1/)
  t.same(parseSysusers('# only\n\n  # comments\nr - 1-9\n', 's'), [])
})
