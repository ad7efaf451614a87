import t from 'tap'
import { parseRecipe } from './recipe.ts'

const GOOD = {
  name: 'Orlop',
  id: 'orlop',
  version: '0.1.0',
  hostname: 'orlop',
  sizes: { esp: '128 MiB', slot: '512 MiB', oem: '16 MiB', state: '256 MiB' },
  erofs: {
    compressor: 'zstd,level=9',
    clusterSize: '64 KiB',
    features: ['ztailpacking'],
    special: [{ why: 'rarely read', compressor: 'lzma,level=6', files: ['usr/sbin/dockerd'] }],
  },
}
const parse = (value: unknown) => parseRecipe(JSON.stringify(value), 'recipe.json')

t.test('a good recipe', async t => {
  t.match(parse(GOOD), {
    version: '0.1.0',
    sizes: { esp: 128 << 20, slot: 512 << 20 },
    erofs: {
      clusterSize: 65536,
      features: ['ztailpacking'],
      special: [{ compressor: 'lzma,level=6', files: ['usr/sbin/dockerd'] }],
    },
  })
})

const BAD: [change: object, message: RegExp, hint?: string][] = [
  [{ verson: '1' }, /recipe.json: unknown key "verson"/, 'did you mean "version"?'],
  [{ qqqqqqqqq: '1' }, /unknown key "qqqqqqqqq"/, 'known are: sizes, erofs, name, id, version, hostname'],
  [{ sizes: { ...GOOD.sizes, slots: '1 MiB' } }, /unknown key "sizes.slots"/, 'did you mean "sizes.slot"?'],
  [{ sizes: { ...GOOD.sizes, slot: 512 } }, /"sizes.slot" must be a size such as "512 MiB"/],
  [{ sizes: { ...GOOD.sizes, slot: '512 MB' } }, /"sizes.slot" must be a size/],
  [{ sizes: { ...GOOD.sizes, slot: '63 MiB' } }, /"sizes.slot" must be whole MiB from 64 MiB/],
  [{ sizes: { ...GOOD.sizes, esp: '65537 KiB' } }, /"sizes.esp" must be whole MiB/],
  [{ sizes: undefined }, /sizes must be an object/],
  [{ version: '1' }, /"version" must be a version/],
  [{ version: undefined }, /"version" is missing/],
  [{ id: 'Orlop OS' }, /"id" must be lower-case/],
  [{ hostname: '-x' }, /"hostname" must be a host name/],
  [{ erofs: { ...GOOD.erofs, clusterSize: '3 KiB' } }, /power of two/],
  [{ erofs: { ...GOOD.erofs, compressor: 'xz' } }, /"erofs.compressor" must be zstd/],
  [{ erofs: { ...GOOD.erofs, features: ['a b'] } }, /"a b" is not a feature/],
  [
    { erofs: { ...GOOD.erofs, special: [{ why: 'x', compressor: 'xz', files: [] }] } },
    /"erofs.special\[0\].compressor"/,
  ],
  [
    { erofs: { ...GOOD.erofs, special: [{ compressor: 'lz4', files: [] }] } },
    /"erofs.special\[0\].why" is missing/,
  ],
  [{ erofs: { ...GOOD.erofs, special: Array(4).fill(GOOD.erofs.special[0]) } }, /may have 3 rules/],
]

t.test('a bad recipe is refused with file, key and what it must be', async t => {
  for (const [change, message, hint] of BAD)
    t.throws(() => parse({ ...GOOD, ...change }), {
      name: 'UserError',
      message,
      ...(hint === undefined ? {} : { hint }),
    })
  t.throws(() => parseRecipe('{', 'recipe.json'), {
    name: 'UserError',
    message: /recipe.json is not valid JSON/,
  })
  t.throws(() => parseRecipe('[]', 'recipe.json'), /the top level must be an object/)
})
