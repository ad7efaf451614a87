import t from 'tap'
import { tell } from './lib/story.ts'

/** Each run is minutes of the fleet's time, and a fraction of a second of ours. */
const RUNS = 40
const FIRST_SEED = 1

t.test('fleets that live through everything', async t => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed++) {
    const { problems, acts } = await tell(seed)
    t.same(problems, [], `seed ${seed}: ${problems.length === 0 ? '' : acts.join('; ')}`)
  }
})
