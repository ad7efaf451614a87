import t from 'tap'
import { parseRequest, requestHash } from './request.ts'

const GOOD = {
  architecture: 'amd64',
  suites: [{ name: 'trixie', archive: 'main', components: ['main'] }],
  groups: { root: { wanted: ['bash', 'dash'], exclude: { perl: 'no scripts' } } },
}

const parse = (data: unknown) => parseRequest(JSON.stringify(data), 'packages.json')
const withGroup = (group: unknown) => parse({ ...GOOD, groups: { root: group } })

t.test('defaults', async t => {
  t.same(parse(GOOD).groups['root'], {
    wanted: ['bash', 'dash'],
    closure: true,
    follow: [],
    exclude: { perl: 'no scripts' },
  })
})

t.test('what is wrong is named', async t => {
  t.throws(() => parseRequest('{', 'packages.json'), { name: 'UserError', message: /^packages.json: / })
  t.throws(() => parse([]), /packages.json: the document must be an object/)
  t.throws(
    () => parse({ ...GOOD, mirrors: 1 }),
    /unknown key 'mirrors'; it may have architecture, suites, groups/,
  )
  t.throws(() => parse({ ...GOOD, suites: [] }), /suites must be a list/)
  t.throws(
    () => parse({ ...GOOD, suites: [{ ...GOOD.suites[0], archive: 'x' }] }),
    /suites\[0\].archive must be/,
  )
  t.throws(
    () => parse({ ...GOOD, suites: [{ ...GOOD.suites[0], name: '../x' }] }),
    /suites\[0\].name must be/,
  )
  t.throws(
    () => parse({ ...GOOD, suites: [{ ...GOOD.suites[0], packages: ['Bash'] }] }),
    /suites\[0\].packages\[0\] must be/,
  )
  t.throws(() => withGroup({ want: ['bash'] }), /groups.root has an unknown key 'want'/)
  t.throws(() => withGroup({}), /groups.root.wanted must be a list/)
  t.throws(() => withGroup({ wanted: ['bash', 1] }), /groups.root.wanted\[1\] must be a string/)
  t.throws(() => withGroup({ wanted: ['Bash'] }), /groups.root.wanted\[0\]/)
  t.throws(() => withGroup({ wanted: ['bash', 'bash'] }), /groups.root.wanted has bash twice/)
  t.throws(() => withGroup({ wanted: ['bash'], exclude: { perl: ' ' } }), /groups.root.exclude\["perl"\]/)
  t.throws(
    () => withGroup({ wanted: ['bash'], exclude: { bash: 'x' } }),
    /exclude has bash, which is also wanted/,
  )
  t.throws(() => withGroup({ wanted: ['bash'], closure: 'no' }), /closure must be true or false/)
  t.throws(() => withGroup({ wanted: ['bash'], follow: ['x-*'] }), /follow has a meaning only/)
  t.throws(
    () => withGroup({ wanted: ['bash'], closure: false, exclude: { perl: 'x' } }),
    /exclude has a meaning only/,
  )
})

t.test('the hash follows what is asked for, not how it is written', async t => {
  const hash = requestHash(parse(GOOD))
  const reworded = { wanted: ['dash', 'bash'], exclude: { perl: 'other words' } }
  t.equal(requestHash(withGroup(reworded)), hash)
  t.not(requestHash(withGroup({ wanted: ['dash', 'bash'] })), hash)
  t.not(requestHash(withGroup({ ...reworded, wanted: ['bash'] })), hash)
})
