import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { parseKernelCommandLine } from './boot.ts'
import { decodeState, encodeState } from './grubenv.ts'
import { main } from './slotctl.ts'
import { EMPTY_SLOT, GOOD_SLOT, type SlotState, slotState } from './state.ts'

/** A folder that stands for a mounted ESP, and a kernel command line. */
function machine(folder: string, state: SlotState | Uint8Array, cmdline: string) {
  mkdirSync(join(folder, 'grub'))
  const block = join(folder, 'grub/grubenv')
  writeFileSync(block, state instanceof Uint8Array ? state : encodeState(state))
  writeFileSync(join(folder, 'cmdline'), cmdline)
  for (const slot of ['a', 'b']) {
    mkdirSync(join(folder, slot))
    for (const name of ['slot.cfg', 'vmlinuz', 'initrd']) writeFileSync(join(folder, slot, name), 'something')
  }
  const options = ['--esp', folder, '--cmdline', join(folder, 'cmdline')]
  return {
    block,
    run: (...words: string[]) => main([...words, ...options]),
    state: () => decodeState(readFileSync(block)),
  }
}

/** Collects what is written to stdout while `work` runs. */
async function printed(t: Test, work: () => Promise<unknown>): Promise<string> {
  const writes = t.capture(process.stdout, 'write', () => true)
  await work()
  return writes()
    .map(call => String(call.args[0]))
    .join('')
}

t.test('mark-good refunds the tries of the running slot, in place', async t => {
  const vm = machine(
    t.testdir(),
    slotState('b', GOOD_SLOT, { tries: 1, good: false }),
    'quiet orlop.slot=b\n',
  )
  const inode = statSync(vm.block).ino
  await printed(t, () => vm.run('mark-good'))
  t.same(vm.state(), slotState('b', GOOD_SLOT, GOOD_SLOT))
  t.equal(statSync(vm.block).ino, inode, 'the file did not move')
})

t.test('mark-good writes an unusable block anew, trusting only this boot', async t => {
  const whole = encodeState(slotState('a', GOOD_SLOT, GOOD_SLOT))
  for (const [what, block] of [
    ['zeroes', new Uint8Array(1024)],
    ['nothing', new Uint8Array()],
    ['too much', Buffer.concat([whole, Buffer.from('#')])],
  ] as const) {
    const vm = machine(t.testdir(), block, 'orlop.slot=a')
    const complaints = t.capture(process.stderr, 'write', () => true)
    await printed(t, () => vm.run('mark-good'))
    t.same(vm.state(), slotState('a', GOOD_SLOT, EMPTY_SLOT), what)
    t.match(complaints()[0]?.args[0], /^slotctl: GRUB environment block: .*; written anew\n$/)
  }
  const vm = machine(t.testdir(), whole, 'orlop.slot=b')
  rmSync(vm.block)
  await printed(t, () => vm.run('mark-good'))
  t.same(vm.state(), slotState('b', EMPTY_SLOT, GOOD_SLOT), 'a missing file is made')
})

t.test('a machine without slots has nothing to mark', async t => {
  const vm = machine(t.testdir(), slotState('a', EMPTY_SLOT, EMPTY_SLOT), 'quiet')
  t.match(await printed(t, () => vm.run('mark-good')), /runs from memory/)
  t.same(vm.state(), slotState('a', EMPTY_SLOT, EMPTY_SLOT), 'the block is left alone')
})

t.test('status for people and for programs', async t => {
  const vm = machine(t.testdir(), slotState('a', EMPTY_SLOT, GOOD_SLOT), 'orlop.slot=b orlop.lastresort=1')
  const text = await printed(t, () => vm.run('status'))
  t.match(
    text,
    /slot a {2}empty or failed +tries 0\nslot b {2}good +tries 3 {2}booted, boots next\n.*last resort/,
  )
  t.match(JSON.parse(await printed(t, () => vm.run('status', '--json'))), {
    booted: 'b',
    lastResort: true,
    next: 'b',
    slots: { a: { tries: 0 }, b: { good: true } },
  })
})

t.test("an operator's choice", async t => {
  const vm = machine(t.testdir(), slotState('a', GOOD_SLOT, { tries: 0, good: true }), 'orlop.slot=a')
  await printed(t, () => vm.run('set-active', 'b'))
  t.same(vm.state(), slotState('b', GOOD_SLOT, GOOD_SLOT))
  await printed(t, () => vm.run('mark-bad', 'b'))
  t.same(vm.state(), slotState('b', GOOD_SLOT, EMPTY_SLOT))
})

t.test('an empty slot is not made active', async t => {
  const vm = machine(t.testdir(), slotState('a', GOOD_SLOT, EMPTY_SLOT), 'orlop.slot=a')
  const kernel = join(dirname(vm.block), '../b/vmlinuz')
  for (const damage of [() => writeFileSync(kernel, ''), () => rmSync(kernel)]) {
    damage()
    await t.rejects(vm.run('set-active', 'b'), {
      name: 'UserError',
      message: 'slot b holds no system to boot',
    })
  }
  t.same(vm.state(), slotState('a', GOOD_SLOT, EMPTY_SLOT))
})

t.test('bad input', async t => {
  const vm = machine(t.testdir(), slotState('a', GOOD_SLOT, GOOD_SLOT), 'orlop.slot=a')
  const before = readFileSync(vm.block)
  await t.rejects(vm.run('set-active', 'c'), { message: /must be a or b, not 'c'/ })
  await t.rejects(vm.run('set-active'), { message: /must be a or b, not ''/ })
  await t.rejects(vm.run('mark-good', 'a'), { message: /does not know 'mark-good a'/ })
  await t.rejects(vm.run('set-active', 'b', 'a'), { message: /too many words/ })
  await t.rejects(vm.run('polish'), { message: /does not know 'polish'/ })
  await t.rejects(vm.run('status', '--frob'), { message: /--frob/ })
  writeFileSync(vm.block, 'short')
  await t.rejects(vm.run('set-active', 'b'), { message: /5 bytes instead of 1024/ })
  t.equal(readFileSync(vm.block, 'utf8'), 'short')
  t.equal(before.length, 1024)
})

t.test('the kernel command line', async t => {
  t.same(parseKernelCommandLine('a orlop.slot=a b orlop.lastresort=1\n'), { slot: 'a', lastResort: true })
  t.same(parseKernelCommandLine('orlop.slot=c xorlop.lastresort=1'), { slot: undefined, lastResort: false })
})
