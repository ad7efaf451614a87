// Runs GRUB itself over every state of the slots and compares its decision with chooseSlot's; then lets the real
// grub.cfg count tries down on a FAT file system over real resets, and meet damaged files.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { silent } from '#lib/progress.ts'
import { Cache } from '../../build/cache/cache.ts'
import { findMirrors } from '../../build/deb/host/apt.ts'
import { readLock } from '../../build/deb/host/repository.ts'
import { Tools } from '../../build/tools/tools.ts'
import { encodeChecksums } from '../../update-engine/slots/checksums.ts'
import { chooseSlot } from '../../update-engine/slots/choice.ts'
import { everyState } from '../../update-engine/slots/every-state.ts'
import {
  BLOCK_BYTES,
  decodeEnvironment,
  decodeState,
  encodeEnvironment,
  encodeState,
  stateAsGrubReads,
} from '../../update-engine/slots/grubenv.ts'
import { EMPTY_SLOT, GOOD_SLOT, slotState } from '../../update-engine/slots/state.ts'
import { makeBootDisk } from './grub/disk.ts'
import { talkingKernel } from './grub/kernel.ts'
import { bootUntil } from './grub/machine.ts'

/** Each fault costs a restart and the seconds that its message stays on the screen. */
t.setTimeout(300_000)

const root = fileURLToPath(new URL('../..', import.meta.url))
const config = readFileSync(join(root, 'image/boot/grub.cfg'), 'utf8')
const cache = await Cache.open()
const tools = await Tools.open(await readLock(root), { cache, mirrors: findMirrors, progress: silent })

t.test('GRUB decides as chooseSlot does', async t => {
  const environments = [...everyState().map(state => decodeEnvironment(encodeState(state))), ...damaged()]
  const chooser = /^# --- chooser begins$[\s\S]*^# --- chooser ends$/m.exec(config)?.[0]
  t.ok(chooser, 'grub.cfg has a chooser')
  const script = [
    ...['serial --unit=0 --speed=115200', 'terminal_output serial', chooser],
    ...environments.map((environment, index) => {
      const names = ['order', 'a_tries', 'a_good', 'b_tries', 'b_good']
      const assignments = names.map(name => `set ${name}="${environment.get(name) ?? ''}"`)
      return `${assignments.join('; ')}; choose_slot; echo "case=${index} $slot $left \${lastresort}."`
    }),
    'echo "cases end"',
  ]
  const disk = await makeBootDisk(tools, join(t.testdir(), 'disk'), {
    'grub/grub.cfg': `${script.join('\n')}\n`,
  })
  const lines = await bootUntil(tools, disk.path, lines => lines.includes('cases end'))
  const answers = lines.filter(line => line.startsWith('case='))
  t.equal(answers.length, environments.length)
  for (const [index, environment] of environments.entries()) {
    const { slot, triesLeft, lastResort } = chooseSlot(stateAsGrubReads(environment))
    const expected = `case=${index} ${slot} ${triesLeft} ${lastResort ? 1 : ''}.`
    t.equal(answers[index], expected, JSON.stringify([...environment]))
  }
})

/** Blocks that can be read but hold what we never write: missing variables, one at a time and all, and nonsense. */
function damaged(): Map<string, string>[] {
  const whole = decodeEnvironment(encodeState(slotState('b', GOOD_SLOT, { tries: 1, good: true })))
  const without = [...whole.keys()].map(name => new Map([...whole].filter(([other]) => other !== name)))
  const nonsense = [...whole.keys()].flatMap(name =>
    ['7', '-1', '03', '2 ', 'b', 'a  b'].map(value => new Map(whole).set(name, value)),
  )
  return [new Map(), ...without, ...nonsense]
}

const kernel = talkingKernel()
const slotFiles = (slot: 'a' | 'b') => ({
  [`${slot}/slot.cfg`]: `set slotversion="1"\nset slotargs="quiet orlop.slot=${slot}"\n`,
  [`${slot}/checksums`]: encodeChecksums(kernel),
  [`${slot}/vmlinuz`]: kernel,
  [`${slot}/initrd`]: 'initrd',
})
const whole = { 'grub/grub.cfg': config, ...slotFiles('a'), ...slotFiles('b') }

/** What a boot came to: what GRUB announced, and what the kernel was told; in the order seen. */
function story(lines: readonly string[]): string[] {
  return lines.flatMap(line => {
    const chosen = /ORLOP: grub (slot=.*|can not .*)/.exec(line)
    const started = /^BOOT_IMAGE=\S+ (.*)/.exec(line)
    return chosen ? [chosen[1]!] : started ? [started[1]!] : []
  })
}

/** Boots from a disk with these files until the story has `count` lines; files that are undefined are missing. */
async function boots(
  t: { testdir(): string },
  files: Record<string, string | Uint8Array | undefined>,
  count: number,
) {
  const there = Object.entries(files).filter(
    (pair): pair is [string, string | Uint8Array] => pair[1] !== undefined,
  )
  const disk = await makeBootDisk(tools, join(t.testdir(), 'disk'), Object.fromEntries(there))
  const lines = await bootUntil(tools, disk.path, lines => story(lines).length >= count)
  const block = files['grub/grubenv'] === undefined ? Buffer.alloc(0) : await disk.read('grub/grubenv')
  return { story: story(lines).slice(0, count), block }
}

t.test('tries are burnt on the disk over resets; then the other slot; then the last resort', async t => {
  const state = slotState('a', { tries: 3, good: false }, { tries: 2, good: true })
  const block = encodeState(state, new Map([['saved_entry', 'not\\ours']]))
  const { story, block: after } = await boots(t, { ...whole, 'grub/grubenv': block }, 14)
  const boot = (slot: string, left: number, more = '') => [
    `slot=${slot} tries=${left}`,
    `quiet orlop.slot=${slot} orlop.tries=${left}${more}`,
  ]
  t.same(story, [
    ...[...boot('a', 2), ...boot('a', 1), ...boot('a', 0), ...boot('b', 1), ...boot('b', 0)],
    ...[...boot('b', 0, ' orlop.lastresort=1'), ...boot('b', 0, ' orlop.lastresort=1')],
  ])
  t.same(decodeState(after), slotState('a', EMPTY_SLOT, { tries: 0, good: true }))
  t.equal(decodeEnvironment(after).get('saved_entry'), 'not\\ours', 'variables of others survive')
})

t.test('a slot that can not be loaded loses its tries', async t => {
  const grubenv = encodeState(slotState('a', { tries: 2, good: true }, GOOD_SLOT))
  const { story, block } = await boots(t, { ...whole, 'a/vmlinuz': '', 'grub/grubenv': grubenv }, 6)
  t.same(story, [
    ...['slot=a tries=1', 'can not load slot=a', 'slot=a tries=0', 'can not load slot=a'],
    ...['slot=b tries=2', 'quiet orlop.slot=b orlop.tries=2'],
  ])
  t.same(decodeState(block), slotState('a', { tries: 0, good: true }, { tries: 2, good: true }))
})

t.test('what is damaged is not started; as the last resort the other slot is tried at once', async t => {
  const truncated = kernel.subarray(0, 600)
  const nonsense = Buffer.from(kernel).fill(0, 0x200, 0x210)
  const flipped = Buffer.from(kernel).fill(1, 3000, 3001)
  const faults: Record<string, Record<string, string | Uint8Array | undefined>> = {
    'no kernel': { 'a/vmlinuz': undefined },
    'an empty kernel': { 'a/vmlinuz': '', 'a/checksums': encodeChecksums(new Uint8Array()) },
    'a truncated kernel': { 'a/vmlinuz': truncated, 'a/checksums': encodeChecksums(truncated) },
    'no Linux kernel': { 'a/vmlinuz': nonsense, 'a/checksums': encodeChecksums(nonsense) },
    'a kernel with one wrong byte': { 'a/vmlinuz': flipped },
    'a torn list of checksums': { 'a/checksums': '12' },
    'no initrd': { 'a/initrd': undefined },
    'an empty initrd': { 'a/initrd': '' },
    'no configuration': { 'a/slot.cfg': undefined },
    'an empty configuration': { 'a/slot.cfg': '' },
    'a torn configuration': { 'a/slot.cfg': 'set slotargs="quiet orlop.slot=a\n' },
    'a binary configuration': { 'a/slot.cfg': Buffer.alloc(512, 0xfe) },
  }
  const grubenv = encodeState(slotState('a', { tries: 0, good: true }, EMPTY_SLOT))
  for (const [fault, files] of Object.entries(faults)) {
    const { story } = await boots(t, { ...whole, ...files, 'grub/grubenv': grubenv }, 3)
    t.same(
      story,
      [...['slot=a tries=0', 'can not load slot=a'], 'quiet orlop.slot=b orlop.tries=0 orlop.lastresort=1'],
      fault,
    )
  }
})

t.test('a lost list of checksums does not keep a whole kernel from booting', async t => {
  const grubenv = encodeState(slotState('a', GOOD_SLOT, GOOD_SLOT))
  const files = { ...whole, 'a/checksums': undefined, 'grub/grubenv': grubenv }
  const { story } = await boots(t, files, 2)
  t.same(story, ['slot=a tries=2', 'quiet orlop.slot=a orlop.tries=2'])
})

t.test('without a usable block the machine still comes up', async t => {
  const torn = Buffer.from(encodeState(slotState('b', GOOD_SLOT, GOOD_SLOT)))
  torn.fill(0, 0, 16)
  for (const [name, block] of Object.entries({
    'no block': undefined,
    'an empty file': '',
    'a block of zeroes': new Uint8Array(BLOCK_BYTES),
    'a block without its header': torn,
    'a block with nothing in it': encodeEnvironment(new Map()),
  })) {
    const { story } = await boots(t, { ...whole, 'grub/grubenv': block }, 2)
    t.same(story, ['slot=a tries=0', 'quiet orlop.slot=a orlop.tries=0 orlop.lastresort=1'], name)
  }
})
