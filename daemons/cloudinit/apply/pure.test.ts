import t from 'tap'
import type { GroupStep, UserStep } from '../plan/plan.ts'
import { Accounts, type AccountTexts } from './accounts.ts'
import { editSettings } from './settings.ts'
import { readInstall, unitFolder } from './unitpaths.ts'

const origin = { path: 'users[0]', line: 1, column: 1 }
const BASE: AccountTexts = {
  passwd: 'root:x:0:0:root:/root:/bin/bash\ncore:x:500:500:Admin:/home/core:/bin/bash\n',
  shadow: 'root:*:1:0:99999:7:::\ncore:*:1:0:99999:7:::\n',
  group: 'root:x:0:\nsudo:x:27:core\nusers:x:100:\ndocker:x:116:core\ncore:x:500:\n',
  gshadow: 'root:*::\nsudo:*::core\nusers:*::\ndocker:!::core\ncore:!::\n',
}
const TODAY = 20_000

function user(step: Partial<UserStep> & { name: string }): UserStep {
  return {
    kind: 'user',
    origin,
    createHome: true,
    ownGroup: true,
    groups: [],
    system: false,
    present: true,
    existing: 'credentials',
    ...step,
  }
}

function group(step: Partial<GroupStep> & { name: string }): GroupStep {
  return { kind: 'group', origin, system: false, present: true, ...step }
}

function after(change: (accounts: Accounts) => void, texts = BASE): AccountTexts {
  const accounts = new Accounts(texts, TODAY)
  change(accounts)
  return accounts.texts()
}

t.test('a new account is in all four files, and the second time nothing changes', t => {
  const step = user({ name: 'elroy', passwordHash: '$6$x$y', groups: ['sudo', 'docker'], gecos: 'Elroy' })
  let home: unknown
  const texts = after(accounts => {
    home = accounts.applyUser(step)
  })
  t.same(home, { path: '/home/elroy', uid: 1000, gid: 1000 })
  t.same(texts, {
    passwd: `${BASE.passwd}elroy:x:1000:1000:Elroy:/home/elroy:/bin/bash\n`,
    shadow: `${BASE.shadow}elroy:$6$x$y:20000:0:99999:7:::\n`,
    group:
      'root:x:0:\nsudo:x:27:core,elroy\nusers:x:100:\ndocker:x:116:core,elroy\ncore:x:500:\nelroy:x:1000:\n',
    gshadow: 'root:*::\nsudo:*::core,elroy\nusers:*::\ndocker:!::core,elroy\ncore:!::\nelroy:!::\n',
  })
  t.same(
    after(accounts => t.equal(accounts.applyUser(step), undefined), texts),
    texts,
  )
  t.end()
})

t.test('an account that is there gets its password, or all, by what the language says', t => {
  const change = { name: 'core', passwordHash: '$6$new', shell: '/bin/sh', groups: ['users'] }
  const credentials = after(accounts => accounts.applyUser(user(change)))
  t.equal(credentials.passwd, BASE.passwd)
  t.equal(credentials.group, BASE.group)
  t.match(credentials.shadow, 'core:$6$new:20000:')
  const all = after(accounts => accounts.applyUser(user({ ...change, existing: 'all' })))
  t.match(all.passwd, 'core:x:500:500:Admin:/home/core:/bin/sh\n')
  t.match(all.group, 'users:x:100:core\n')
  t.same(
    after(accounts => accounts.applyUser(user({ name: 'core' }))),
    BASE,
    'nothing named, nothing changed',
  )
  t.end()
})

t.test('numbers and groups by all their rules', t => {
  const texts = after(accounts => {
    accounts.applyGroup(group({ name: 'staff', gid: 1000 }))
    accounts.applyUser(user({ name: 'a' }))
    accounts.applyUser(user({ name: 'daemon1', system: true, createHome: false }))
    accounts.applyUser(user({ name: 'b', uid: 1500, primaryGroup: 'staff' }))
    accounts.applyUser(user({ name: 'c', ownGroup: false }))
    accounts.applyUser(user({ name: 'd', primaryGroup: '100' }))
  })
  const numbers = texts.passwd.split('\n').map(line => line.split(':').slice(0, 4).join(':'))
  t.same(numbers.slice(2, -1), [
    'a:x:1001:1001',
    'daemon1:x:999:999',
    'b:x:1500:1000',
    'c:x:1002:100',
    'd:x:1003:100',
  ])
  t.end()
})

t.test('what is to go goes, from the lists of others as well', t => {
  const made = after(accounts => {
    accounts.applyUser(user({ name: 'eve', groups: ['sudo'] }))
    accounts.applyGroup(group({ name: 'gone' }))
  })
  const texts = after(accounts => {
    accounts.applyUser(user({ name: 'eve', present: false }))
    accounts.applyGroup(group({ name: 'gone', present: false }))
    accounts.applyUser(user({ name: 'never', present: false }))
  }, made)
  t.same(texts, BASE)
  t.end()
})

t.test('what can not be is refused in words', t => {
  const cases: [(accounts: Accounts) => void, RegExp][] = [
    [a => a.applyUser(user({ name: 'Bad Name' })), /user 'Bad Name': a name is/],
    [a => a.applyUser(user({ name: '../etc' })), /a name is/],
    [a => a.applyUser(user({ name: 'x', groups: ['nosuch'] })), /user x: there is no group 'nosuch'/],
    [a => a.applyUser(user({ name: 'x', primaryGroup: 'nosuch' })), /no group 'nosuch'/],
    [a => a.applyUser(user({ name: 'x', uid: 500 })), /number 500 is that of core/],
    [
      a => a.applyUser(user({ name: 'core', uid: 7, existing: 'all' })),
      /has number 500, which can not become 7/,
    ],
    [a => a.applyUser(user({ name: 'x', gecos: 'a:b' })), /has a colon/],
    [a => a.applyUser(user({ name: 'x', passwordHash: 'a\nroot::0' })), /end of a line/],
    [a => a.applyGroup(group({ name: 'x', gid: 27 })), /number 27 is that of sudo/],
    [a => a.applyGroup(group({ name: 'sudo', gid: 28 })), /can not become 28/],
  ]
  for (const [change, message] of cases) t.throws(() => after(change), message)
  t.end()
})

t.test('lines that are no accounts stay where they are', t => {
  const odd = { ...BASE, passwd: `# by hand\n${BASE.passwd}+nis\n` }
  const texts = after(accounts => accounts.applyUser(user({ name: 'x' })), odd)
  t.equal(texts.passwd, `${odd.passwd}x:x:1000:1000::/home/x:/bin/bash\n`)
  t.end()
})

t.test('settings are replaced where they stand', t => {
  const cases: [string, [string, string][], string][] = [
    ['', [['A', '1']], 'A=1\n'],
    [
      'A=0\n# B=5\nC=3',
      [
        ['C', '4'],
        ['B', '2'],
      ],
      'A=0\n# B=5\nC=4\nB=2\n',
    ],
    [
      'A=0\nA=1\nexport B=1\n',
      [
        ['A', '2'],
        ['B', '3'],
      ],
      'A=2\nB=3\n',
    ],
    ['AB=1\n', [['A', '2']], 'AB=1\nA=2\n'],
    ['A=0\n', [], 'A=0\n'],
  ]
  for (const [text, values, expected] of cases) {
    const settings = values.map(([name, value]) => ({ name, value }))
    t.equal(editSettings(text, settings), expected, JSON.stringify(text))
    t.equal(editSettings(expected, settings), expected, 'twice is once')
  }
  t.end()
})

t.test('the [Install] section', t => {
  const install = (unit: string, text: string) =>
    readInstall(unit, text, `/etc/systemd/system/${unit}`, '/etc/systemd/system')
  t.same(
    install(
      'a.service',
      '[Unit]\nWantedBy=no.target\n[Install]\nWantedBy=multi-user.target \\\n x.target\nRequiredBy=y.target\nAlias=b.service\nAlso=c.socket',
    ),
    {
      links: [
        {
          path: '/etc/systemd/system/multi-user.target.wants/a.service',
          target: '/etc/systemd/system/a.service',
        },
        { path: '/etc/systemd/system/x.target.wants/a.service', target: '/etc/systemd/system/a.service' },
        { path: '/etc/systemd/system/y.target.requires/a.service', target: '/etc/systemd/system/a.service' },
        { path: '/etc/systemd/system/b.service', target: '/etc/systemd/system/a.service' },
      ],
      also: ['c.socket'],
    },
  )
  const wanted = '[Install]\nWantedBy=first.target\nWantedBy=\n# WantedBy=c.target\nWantedBy=%i.target\n'
  t.same(install('t@x.service', wanted).links, [
    { path: '/etc/systemd/system/x.target.wants/t@x.service', target: '/etc/systemd/system/t@x.service' },
  ])
  t.same(install('t@.service', wanted).links, [], 'a template is wanted by nobody')
  t.match(install('t@.service', `${wanted}DefaultInstance=d`).links, [
    { path: /d\.target\.wants\/t@d\.service$/ },
  ])
  t.same(install('a.service', '[Service]\nExecStart=/bin/true').links, [])
  t.equal(unitFolder({ name: 'a.network', runtime: true }), '/run/systemd/network')
  t.equal(unitFolder({ name: 'a.service', runtime: false }), '/etc/systemd/system')
  t.end()
})
