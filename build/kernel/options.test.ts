import { readFile } from 'node:fs/promises'
import t from 'tap'
import { parseCommandLineWords } from './cmdline.ts'
import { checkKernelConfig, findBrokenOptions, parseKernelConfig, parseOptionRules } from './options.ts'

const rules = parseOptionRules(
  JSON.stringify({
    required: [{ why: 'containers', options: ['NAMESPACES', 'OVERLAY_FS'] }],
    builtin: [{ why: 'before modules', options: ['DEVTMPFS'] }],
    forbidden: [{ why: 'slow', options: ['KASAN'] }],
  }),
  'options.json',
)
const GOOD = 'CONFIG_NAMESPACES=y\nCONFIG_OVERLAY_FS=m\nCONFIG_DEVTMPFS=y\n# CONFIG_KASAN is not set\n'

t.test('a kernel that keeps the rules passes', async t => {
  t.same(findBrokenOptions(rules, parseKernelConfig(GOOD)), [])
  t.doesNotThrow(() => checkKernelConfig(rules, GOOD, '6.12'))
})

t.test('each broken rule is named with its reason', async t => {
  const bad = 'CONFIG_NAMESPACES=y\nCONFIG_OVERLAY_FSX=m\nCONFIG_DEVTMPFS=m\nCONFIG_KASAN=y\n'
  t.same(findBrokenOptions(rules, parseKernelConfig(bad)), [
    'CONFIG_OVERLAY_FS must be y or m but is not set, the nearest name is OVERLAY_FSX (containers)',
    'CONFIG_DEVTMPFS must be y but is m (before modules)',
    'CONFIG_KASAN must not be set but is y (slow)',
  ])
  t.throws(() => checkKernelConfig(rules, bad, '6.12'), /^kernel 6\.12: CONFIG_OVERLAY_FS must be/)
})

t.test('rules are read strictly', async t => {
  const parse = (value: unknown) => () => parseOptionRules(JSON.stringify(value), 'options.json')
  t.throws(() => parseOptionRules('nonsense', 'options.json'), /not JSON/)
  t.throws(parse({ wanted: [] }), /unknown key 'wanted'/)
  t.throws(parse({ required: [{ options: ['A'] }] }), /required\[0\]\.why/)
  t.throws(parse({ required: [{ why: 'x', options: ['CONFIG_a'] }] }), /without CONFIG_/)
})

t.test('the command line', async t => {
  const path = new URL('../../kernel-config/cmdline.json', import.meta.url)
  const words = parseCommandLineWords(await readFile(path, 'utf8'), 'kernel-config/cmdline.json')
  t.ok(words.includes('gpt') && words.includes('panic=5'))
  t.equal(
    words.findLast(word => word.startsWith('console=')),
    'console=ttyS0,115200n8',
    'the last one is /dev/console',
  )
  const parse = (value: unknown) => () => parseCommandLineWords(JSON.stringify(value), 'cmdline.json')
  t.throws(parse([{ word: 'quiet' }]), /cmdline\.json\[0\]\.why/)
  t.throws(parse([{ word: 'a b', why: 'x' }]), /without spaces or quotes/)
  t.throws(parse([{ word: 'a$b', why: 'x' }]), /without spaces or quotes/)
  t.throws(parse([{ word: 'a', why: 'x', when: 'y' }]), /unknown key 'when'/)
  t.throws(parse({}), /must be a list/)
})

t.test('the repository’s own rules parse', async t => {
  const path = new URL('../../kernel-config/options.json', import.meta.url)
  const own = parseOptionRules(await readFile(path, 'utf8'), 'kernel-config/options.json')
  t.ok(own.required.length > 5 && own.forbidden.length > 0)
})
