// The log against a model: appends, conflicts, snapshots, released segments, full disks and power cuts, by seed.

import t from 'tap'
import type { Entry } from '../raft/types.ts'
import type { Log } from './log.ts'
import { NO_MARK } from './open.ts'
import type { PlantedLogBug } from './planted.ts'
import type { Mark } from './record.ts'
import type { LogOptions } from './settings.ts'
import { entry, hardState, newLog, reopen, SMALL, seeded } from './testing/harness.ts'
import type { MemoryDisk } from './testing/memory-disk.ts'

const CRASHES = 8
const DEEDS_MAX = 60

/** What the log should say: the term of each entry, the first at index 1, and the commit. */
interface Model {
  terms: number[]
  commit: number
}

class Run {
  readonly #random: () => number
  readonly #options: LogOptions
  #disk: MemoryDisk
  #log: Log
  /** What a start may find: the acknowledged state first, then one for each append that is not answered. */
  #states: Model[] = [{ terms: [], commit: 0 }]
  #term = 1
  /** Marked durably, and what may be marked without having been answered. */
  #marks: Mark[] = [NO_MARK]
  released = 0
  refused = 0
  starts = 0

  constructor(seed: number, planted: PlantedLogBug[] = []) {
    this.#random = seeded(seed)
    this.#options = { ...SMALL, planted: new Set(planted) }
    const { disk, log } = newLog(this.#options)
    this.#disk = disk
    this.#log = log
  }

  /** Goes through all crashes; throws at a contradiction. */
  go(): void {
    for (let crash = 0; crash < CRASHES; crash++) {
      const deeds = this.#below(DEEDS_MAX)
      for (let deed = 0; deed < deeds; deed++) this.#deed()
      this.#restart()
    }
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit)
  }

  #deed(): void {
    const choice = this.#random()
    if (choice < 0.6) this.#append(false)
    else if (choice < 0.7) this.#append(true)
    else if (choice < 0.76) this.#mark()
    else if (choice < 0.79) this.#fill()
    while (this.#random() < 0.75) this.#disk.step()
  }

  /** Appends entries, perhaps instead of some that are not committed. */
  #append(isConflict: boolean): void {
    const now = this.#states.at(-1)!
    const terms = now.terms.slice()
    if (isConflict) {
      this.#term += 1
      terms.length = now.commit + this.#below(terms.length - now.commit + 1)
    }
    const entries: Entry[] = []
    for (let count = 1 + this.#below(4); count > 0; count--) {
      terms.push(this.#term)
      entries.push(entry(terms.length, this.#term, this.#below(900)))
    }
    const commit = now.commit + this.#below(terms.length - now.commit)
    const next: Model = { terms, commit }
    const states = this.#states
    states.push(next)
    const refusal = this.#log.append(hardState(this.#term, commit), entries, error => {
      if (error === undefined) states.splice(0, states.indexOf(next))
      else if (error.code === 'ENOSPC') this.#forget(states, next)
      else throw new Error(error.message)
    })
    if (refusal === undefined) return
    if (refusal.code !== 'ENOSPC') throw new Error(refusal.message)
    this.#forget(states, next)
  }

  /** An append was refused, and with it all that waited behind it: the log goes on from before. */
  #forget(states: Model[], refused: Model): void {
    this.refused += 1
    const at = states.indexOf(refused)
    if (at >= 0) states.length = at
  }

  /** Marks something that is durably committed; once that is answered, segments may go. */
  #mark(): void {
    const { commit, terms } = this.#states[0]!
    if (commit <= this.#marks.at(-1)!.index) return
    const mark = { term: terms[commit - 1]!, index: commit }
    const [log, marks] = [this.#log, this.#marks]
    log.mark(mark, error => {
      if (error !== undefined) return
      marks.push(mark)
      const before = log.segments.length
      const oldest = marks.at(-2)!
      if (oldest.index > 0) log.release(oldest.index, () => undefined)
      this.released += before - log.segments.length
    })
  }

  /** Lets the disk be full for a while, or not any more. */
  #fill(): void {
    const isFull = this.#disk.capacity < Number.POSITIVE_INFINITY
    this.#disk.capacity = isFull ? Number.POSITIVE_INFINITY : 4096
    this.#log.retrySpace()
  }

  #restart(): void {
    const [sectors, names] = [this.#random(), this.#random()]
    this.#disk = this.#disk.crash(
      () => this.#random() < sectors,
      () => this.#random() < names,
    )
    // Each of the last two snapshots must be a good start.
    const copy = this.#disk.clone()
    const older = this.#marks.at(-2)
    if (older !== undefined) this.#check(copy, older)
    this.#log = this.#check(this.#disk, this.#marks.at(-1)!)
  }

  #check(disk: MemoryDisk, mark: Mark): Log {
    const { error, value } = reopen(disk, mark, this.#options)
    if (error !== undefined) throw new Error(`from ${mark.index}: ${error.message}`)
    this.starts += 1
    const found = value.entries.map(({ term }) => term)
    for (const [at, { term, index, data }] of value.entries.entries()) {
      if (index !== mark.index + 1 + at) throw new Error(`entry ${index} at place ${at}`)
      if (Buffer.compare(data, entry(index, term, data.length).data) !== 0) throw new Error('other data')
    }
    const state = this.#states.find(
      ({ terms, commit }) =>
        terms.slice(mark.index).join() === found.join() &&
        Math.max(commit, mark.index) === value.hardState.commit,
    )
    if (state === undefined)
      throw new Error(
        `from ${mark.index}: ${found.length} entries, commit ${value.hardState.commit}, is none of ` +
          this.#states.map(({ terms, commit }) => `${terms.length - mark.index}/${commit}`).join(' '),
      )
    if (disk === this.#disk) this.#states = [state]
    return value.log
  }
}

t.test('whatever happens, a start finds what was acknowledged', t => {
  const sums = { released: 0, refused: 0, starts: 0 }
  for (let seed = 1; seed <= 150; seed++) {
    const run = new Run(seed)
    try {
      run.go()
    } catch (error) {
      t.fail(`seed ${seed}: ${(error as Error).message}`)
    }
    sums.released += run.released
    sums.refused += run.refused
    sums.starts += run.starts
  }
  t.ok(sums.released > 50, `${sums.released} segments released`)
  t.ok(sums.refused > 50, `${sums.refused} appends refused`)
  t.ok(sums.starts > 1000, `${sums.starts} starts`)
  t.end()
})

t.test('the model notices what is planted', t => {
  for (const bug of ['answerBeforeSync', 'skipFolderSync', 'acceptTorn'] as const) {
    let found: string | undefined
    for (let seed = 1; seed <= 100 && found === undefined; seed++) {
      try {
        new Run(seed, [bug]).go()
      } catch (error) {
        found = `seed ${seed}: ${(error as Error).message}`
      }
    }
    t.ok(found, `${bug}: ${found}`)
  }
  t.end()
})
