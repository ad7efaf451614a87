// Repositories with something wrong in them: one line that names the file and what to do, and no image.

import { existsSync } from 'node:fs'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { FILE_TIMEOUT_MS } from '../vm/lib/guest.ts'
import { ROOT, testImage } from '../vm/lib/image.ts'
import { NO_MIRROR, saysOneLine } from './lib/answer.ts'
import { copyCheckout, runOrlop } from './lib/checkout.ts'
import { temporaryFolder } from './lib/folder.ts'

t.setTimeout(FILE_TIMEOUT_MS)

// Everything that is right comes from the cache of this user, so that what is wrong is met within seconds.
await testImage()
const checkout = await temporaryFolder(t, tmpdir(), 'orlop-input-')
await copyCheckout(ROOT, checkout)
const out = join(checkout, 'out')

/** Values of a JSON file as far as these tests touch them. */
// biome-ignore lint/suspicious/noExplicitAny: they are changed into what the types forbid
type Json = any

type Wrong =
  | { file: string; edit: (value: Json) => void }
  | { file: string; replace: (text: string) => string }
  | { file: string; remove: true }

const cases: [name: string, wrong: Wrong, pattern: RegExp][] = [
  [
    'an unknown key in the recipe',
    { file: 'image/recipe.json', edit: recipe => Object.assign(recipe, { colour: 'blue' }) },
    /image\/recipe\.json.*colour/,
  ],
  [
    'an unknown key deep in the recipe',
    { file: 'image/recipe.json', edit: recipe => Object.assign(recipe.sizes, { swap: '1 GiB' }) },
    /image\/recipe\.json.*sizes.*swap|image\/recipe\.json.*swap/,
  ],
  [
    'a size that is none',
    { file: 'image/recipe.json', edit: recipe => Object.assign(recipe.sizes, { slot: 'big' }) },
    /image\/recipe\.json.*slot/,
  ],
  [
    'a recipe that is no JSON',
    { file: 'image/recipe.json', replace: text => text.slice(0, -9) },
    /image\/recipe\.json/,
  ],
  ['no recipe', { file: 'image/recipe.json', remove: true }, /image\/recipe\.json.*(missing|no such file)/],
  [
    'a slot that is too small',
    { file: 'image/recipe.json', edit: recipe => Object.assign(recipe.sizes, { slot: '48 MiB' }) },
    /slot.*MiB/,
  ],
  [
    'an unknown kernel module',
    { file: 'kernel-config/modules.json', replace: text => text.replace(/\be1000e\b/, 'e1000ee') },
    /kernel-config\/modules\.json.*e1000ee.*e1000e/,
  ],
  [
    'a required kernel option that the kernel lacks',
    { file: 'kernel-config/options.json', replace: text => text.replace(/\bOVERLAY_FS\b/, 'OVERLAY_FZ') },
    /CONFIG_OVERLAY_FZ must be .*OVERLAY_FS.*kernel-config\/options\.json/,
  ],
  ['no lock', { file: 'image/packages.lock.json', remove: true }, /packages\.lock\.json.*orlop -- lock/],
  [
    'a lock that is cut short',
    { file: 'image/packages.lock.json', replace: text => text.slice(0, text.length >> 1) },
    /packages\.lock\.json/,
  ],
  [
    'a lock without one of its packages',
    { file: 'image/packages.lock.json', edit: lock => lock.packages.splice(3, 1) },
    /packages\.lock\.json/,
  ],
  [
    'a lock with a hash that is none',
    { file: 'image/packages.lock.json', edit: lock => Object.assign(lock.packages[0], { sha256: 'f00' }) },
    /packages\.lock\.json.*sha256/,
  ],
  [
    'a program that is not there',
    { file: 'image/programs.json', edit: programs => Object.assign(programs, { ghost: 'daemons/ghost.ts' }) },
    /ghost/,
  ],
  ['no boot menu', { file: 'image/boot/grub.cfg', remove: true }, /image\/boot\/grub\.cfg is missing/],
]

for (const [name, wrong, pattern] of cases) {
  t.test(name, async t => {
    const path = join(checkout, wrong.file)
    const right = await readFile(path)
    t.teardown(() => writeFile(path, right))
    await breakIt(path, right.toString(), wrong)
    const said = await runOrlop({
      checkout,
      words: ['build', '--quiet'],
      env: { ORLOP_OUT: out, ORLOP_DEBIAN_MIRROR: NO_MIRROR, ORLOP_DEBIAN_SECURITY_MIRROR: NO_MIRROR },
    })
    saysOneLine(t, said, pattern)
    t.same(existsSync(out) ? await readdir(out) : [], [], 'nothing was made')
  })
}

t.test('with nothing wrong it builds', async t => {
  const said = await runOrlop({ checkout, words: ['build', '--quiet'], env: { ORLOP_OUT: out } })
  t.match(said, { code: 0, stderr: '' })
  t.ok((await readdir(out)).some(name => name.endsWith('.raw')))
})

async function breakIt(path: string, right: string, wrong: Wrong): Promise<void> {
  if ('remove' in wrong) return await rm(path)
  let text: string
  if ('replace' in wrong) text = wrong.replace(right)
  else {
    const value: Json = JSON.parse(right)
    wrong.edit(value)
    text = JSON.stringify(value, null, 2)
  }
  if (text === right) throw new Error(`${path} holds nothing to break here`)
  await writeFile(path, text)
}
