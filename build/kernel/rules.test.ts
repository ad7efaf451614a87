import { readFile } from 'node:fs/promises'
import t from 'tap'
import { UserError } from '#lib/errors.ts'
import { closeOverDependencies, moduleName, parseModuleIndex } from './index.ts'
import { nearest } from './nearest.ts'
import { chooseModules, parseModuleRules } from './rules.ts'

const index = parseModuleIndex({
  dep: [
    'kernel/fs/ext4/ext4.ko.xz: kernel/fs/jbd2/jbd2.ko.xz kernel/fs/mbcache.ko.xz',
    'kernel/fs/jbd2/jbd2.ko.xz:',
    'kernel/fs/mbcache.ko.xz:',
    'kernel/crypto/crc32c_generic.ko.xz:',
    'kernel/arch/x86/crypto/crc32c-intel.ko.xz:',
    'kernel/drivers/ata/ahci.ko.xz: kernel/drivers/ata/libata.ko.xz',
    'kernel/drivers/ata/libata.ko.xz:',
    'kernel/drivers/ata/pata_x.ko.xz: kernel/drivers/ata/libata.ko.xz',
    'kernel/drivers/ata/deep/z.ko.xz:',
    '',
  ].join('\n'),
  softdep: '# comment\nsoftdep ext4 pre: crypto-crc32c\nsoftdep ahci pre: not-in-this-kernel\n',
  alias: 'alias crypto-crc32c crc32c_intel\nalias crypto-crc32c crc32c_generic\nalias pci:v*d* ahci\n',
  builtin: 'kernel/drivers/virtio/virtio_pci.ko\n',
})
const rule = (modules: string[], except: string[] = []) => [{ why: 'test', modules, except }]
const names = (modules: string[], except?: string[]) =>
  chooseModules(rule(modules, except), index, 'rules').map(moduleName).sort()

t.test('a module brings what it depends on, hard and soft', async t => {
  t.same(names(['ext4']), ['crc32c_generic', 'crc32c_intel', 'ext4', 'jbd2', 'mbcache'])
  t.same(names(['ahci']), ['ahci', 'libata'], 'a soft dependency that this kernel lacks is none')
})

t.test('patterns: names with either dash, paths, exceptions', async t => {
  t.same(names(['crc32c-intel']), ['crc32c_intel'])
  t.same(names(['crc32c*']), ['crc32c_generic', 'crc32c_intel'])
  t.same(names(['drivers/ata/*']), ['ahci', 'libata', 'pata_x'])
  t.same(names(['drivers/ata/**']), ['ahci', 'libata', 'pata_x', 'z'])
  t.same(names(['drivers/ata/*'], ['pata_x']), ['ahci', 'libata'])
  t.same(names(['ahci'], ['libata']), ['ahci', 'libata'], 'an exception does not break what needs it')
  t.same(names(['virtio_pci']), [], 'built in')
})

t.test('a name that matches nothing stops the build', async t => {
  const complaint = { message: "rules[0].modules: this kernel has no module 'ext5'" }
  t.throws(() => names(['ext5']), { ...complaint, hint: "did you mean 'ext4'?" })
  t.throws(() => names(['ext5']), UserError)
  t.throws(() => names(['drivers/nothing/*']), {
    message: /no module/,
    hint: 'correct the name or remove it',
  })
  t.throws(() => names(['ahci'], ['pata_y']), /rules\[0\]\.except.*pata_y/)
})

t.test('a circle of dependencies ends', async t => {
  const circle = parseModuleIndex({ dep: 'a.ko: b.ko\nb.ko: a.ko\n', softdep: '', alias: '', builtin: '' })
  t.same([...closeOverDependencies(circle, ['a.ko'])].sort(), ['a.ko', 'b.ko'])
})

t.test('rules are read strictly', async t => {
  const parse = (value: unknown) => () => parseModuleRules(JSON.stringify(value), 'modules.json')
  t.throws(() => parseModuleRules('{', 'modules.json'), /^modules\.json: not JSON/)
  t.throws(parse({ image: [], initrd: [], extra: [] }), /unknown key 'extra'/)
  t.throws(parse({ image: [], initrd: [{ modules: [] }] }), /initrd\[0\]\.why/)
  t.throws(
    parse({ image: [{ why: 'x', modules: 'ext4' }], initrd: [] }),
    /image\[0\]\.modules must be a list/,
  )
  t.throws(parse({ image: [{ why: 'x', module: [] }], initrd: [] }), /unknown key 'module'/)
  t.throws(parse({ image: {} }), /image must be a list/)
})

t.test('the repository’s own rules parse, each with a reason', async t => {
  const path = new URL('../../kernel-config/modules.json', import.meta.url)
  const rules = parseModuleRules(await readFile(path, 'utf8'), 'kernel-config/modules.json')
  t.ok(rules.image.length > 10)
  t.ok(rules.initrd.some(({ modules }) => modules.includes('dm-verity')))
})

t.test('the nearest name', async t => {
  t.equal(nearest('e1000f', ['e1000e', 'igb', 'e100']), 'e1000e')
  t.equal(nearest('zzzzzz', ['e1000e', 'igb']), undefined)
})
