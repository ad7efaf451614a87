import { setTimeout as pause } from 'node:timers/promises'
import { getHeapSpaceStatistics } from 'node:v8'
import t from 'tap'
import { keepHeapSmall } from './heap.ts'

const ROUNDS = 60
const ROUND_OBJECTS = 20_000
const KEPT_OBJECTS_MAX = 400_000
/** Halves of 4 MiB, and once more what they may grow by within a turn; without the bound it is 64 MiB. */
const SPACE_BYTES_MAX = 16 * 1024 * 1024

/** Makes what lives on, with turns between, as requests do. */
async function work(): Promise<number> {
  let kept: object[] = []
  for (let round = 0; round < ROUNDS; round++) {
    for (let count = 0; count < ROUND_OBJECTS; count++) kept.push({ count, inner: { count, words: [count] } })
    if (kept.length > KEPT_OBJECTS_MAX) kept = []
    await pause(10)
  }
  return kept.length
}

t.test('the space for new objects stays small, however much lives on', async t => {
  keepHeapSmall()
  await work()
  const { space_size: bytes } = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')!
  t.ok(bytes <= SPACE_BYTES_MAX, `${bytes} bytes`)
})
