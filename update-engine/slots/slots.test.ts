import t from 'tap'
import { chooseSlot } from './choice.ts'
import { everyState } from './every-state.ts'
import {
  ATOMIC_BYTES,
  BLOCK_BYTES,
  decodeEnvironment,
  decodeState,
  encodeEnvironment,
  encodeState,
} from './grubenv.ts'
import {
  beginInstall,
  finishInstall,
  initialState,
  markBad,
  markGood,
  otherSlot,
  prefer,
  repairedState,
  type Slot,
  type SlotName,
  type SlotState,
  slotState,
} from './state.ts'

const NAMES: SlotName[] = ['a', 'b']

t.test('the choice, for every state', async t => {
  const states = everyState()
  t.equal(states.length, 128)
  for (const state of states) {
    const choice = chooseSlot(state)
    const label = JSON.stringify(state)
    const anyTries = state.a.tries > 0 || state.b.tries > 0
    t.equal(choice.lastResort, !anyTries, `last resort only without tries: ${label}`)
    if (anyTries) {
      t.ok(state[choice.slot].tries > 0, `a slot without tries is not taken: ${label}`)
      t.equal(choice.after[choice.slot].tries, state[choice.slot].tries - 1, `one try is burnt: ${label}`)
      if (choice.slot !== state.order[0]) t.equal(state[state.order[0]].tries, 0, `order is kept: ${label}`)
    } else {
      t.same(choice.after, state, `nothing changes: ${label}`)
      t.ok(state[choice.slot].good || !(state.a.good || state.b.good), `a good slot is preferred: ${label}`)
    }
    t.same(
      choice.after[otherSlot(choice.slot)],
      state[otherSlot(choice.slot)],
      `the other is left alone: ${label}`,
    )
    t.equal(choice.triesLeft, choice.after[choice.slot].tries)
  }
})

t.test('a slot that never becomes healthy hands over after its tries, from every state', async t => {
  for (const start of everyState()) {
    let state = start
    const boots: SlotName[] = []
    for (let boot = 0; boot < 7; boot++) {
      const choice = chooseSlot(state)
      if (choice.lastResort) break
      boots.push(choice.slot)
      state = choice.after
    }
    const [first, second] = start.order
    const expected = [...Array(start[first].tries).fill(first), ...Array(start[second].tries).fill(second)]
    t.same(boots, expected, JSON.stringify(start))
  }
})

t.test('operations, for every state and slot', async t => {
  for (const state of everyState()) {
    for (const name of NAMES) {
      const other = otherSlot(name)
      const label = `${JSON.stringify(state)} ${name}`
      t.same(markGood(state, name)[name], { tries: 3, good: true }, label)
      t.same(markBad(state, name)[name], { tries: 0, good: false }, label)
      t.same(
        prefer(state, name),
        slotState(name, ...slots(state, name, { tries: 3, good: state[name].good })),
        label,
      )
      const writing = beginInstall(state, name)
      t.same(writing[name], { tries: 0, good: false }, label)
      t.equal(chooseSlot(writing).slot, other, `a half-written slot is never chosen: ${label}`)
      const written = finishInstall(writing, name)
      t.equal(chooseSlot(written).slot, name, `a new slot is booted next: ${label}`)
      t.same(written[other], state[other], `the other is left alone: ${label}`)
    }
  }
  t.same(initialState({ b: false }), slotState('a', { tries: 3, good: false }, { tries: 0, good: false }))
  t.same(repairedState('b'), slotState('b', { tries: 0, good: false }, { tries: 3, good: true }))
})

function slots(state: SlotState, name: SlotName, slot: Slot): [Slot, Slot] {
  return name === 'a' ? [slot, state.b] : [state.a, slot]
}

t.test('the environment block', async t => {
  for (const state of everyState()) {
    const block = encodeState(state)
    t.equal(block.length, BLOCK_BYTES)
    t.same(decodeState(block), state, JSON.stringify(state))
    t.match(Buffer.from(block).subarray(ATOMIC_BYTES).toString(), /^#+$/, 'all within the first sector')
  }
  const others = new Map([
    ['strange', 'a\\b\nc=d'],
    ['order', 'ignored'],
  ])
  const state = initialState({ b: true })
  const block = encodeState(state, others)
  t.equal(decodeEnvironment(block).get('strange'), 'a\\b\nc=d', 'variables of others survive, escapes too')
  t.same(decodeState(block), state, 'ours are not taken from others')
  t.match(Buffer.from(block).toString(), 'strange=a\\\\b\\\nc=d\n#', "the bytes are GRUB's")
})

t.test('broken blocks are refused with the reason', async t => {
  const good = encodeState(initialState({ b: false }))
  t.throws(() => decodeState(good.subarray(1)), /1023 bytes instead of 1024/)
  t.throws(() => decodeState(new Uint8Array(BLOCK_BYTES)), /header is missing/)
  const stray = Uint8Array.from(good)
  stray[1000] = 65
  t.throws(() => decodeState(stray), /byte 1000 is not padding/)
  const torn = Buffer.concat([good.subarray(0, 25), Buffer.alloc(BLOCK_BYTES - 25)])
  t.throws(() => decodeState(torn), /byte 25 does not begin|no end/)
  const withValue = (name: string, value: string) =>
    encodeEnvironment(decodeEnvironment(good).set(name, value))
  t.throws(() => decodeState(withValue('order', 'a')), /order must be/)
  t.throws(() => decodeState(withValue('a_tries', '4')), /a_tries must be 0 to 3, not "4"/)
  t.throws(() => decodeState(withValue('b_good', '')), /b_good must be 0 or 1/)
  t.throws(() => encodeEnvironment(new Map([['long', 'x'.repeat(1100)]])), /need 1131 bytes of 1024/)
})
