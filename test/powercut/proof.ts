import { rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import type { Gpt } from '../../build/disk/gpt.ts'
import type { Tools } from '../../build/tools/tools.ts'
import type { LogEntry } from './blklog.ts'
import { type Cut, flushCuts, partialCut, type Window, windowsOf, writesIn } from './cuts.ts'
import { type Aspects, examineDisk, type Original, type Seen } from './examine.ts'
import { Random } from './random.ts'
import { openLog, Replay, type Stretch } from './replay.ts'
import { Scratch } from './scratch.ts'
import { partitionOf } from './tables.ts'

/** What is to be proved, and how thoroughly. */
export interface ProofOptions {
  /** The disk before the log. */
  base: string
  original: Original
  log: string
  /** Size of the disk, bytes. */
  size: number
  /** Folder for scratch files. */
  work: string
  tools: Tools
  seed: number
  /**
   * Flushes on STATE after which part of the later writes is made to land, chosen by the seed. Every flush point
   * itself is tried, and every flush after writes to the ESP or the partition tables gets its partial cuts.
   */
  partialFlushes: number
  /** Partial cuts for each such flush on STATE, and for each on the ESP or the tables. */
  partialCuts: { state: number; critical: number }
  note?: (line: string) => void
}

/** One cut and what was seen after it. */
export interface Tried {
  cut: Cut
  seen: Seen
}

/** Everything that was seen. */
export interface Proof {
  /** Flushes with writes before them. */
  flushes: number
  /** Those of them with writes to the ESP or to the partition tables. */
  criticalFlushes: number
  tried: Tried[]
  /** Log entries that write to a root partition. */
  rootWrites: number
}

/** Sectors at the start of the disk up to the end of the primary table. */
const TABLE_BYTES = 34 * 512
/** At the start of STATE: its superblock is looked at in every cut. */
const STATE_HEAD_BYTES = 1 << 16
const NOTE_EVERY = 50

/** Examines the disk as a cut at every flush point leaves it, and between them with part of the writes landed. */
export async function provePowerCuts(options: ProofOptions): Promise<Proof> {
  const { original, work } = options
  const log = await openLog(options.log)
  const replay = await Replay.begin(options.base, options.size, log, join(work, 'replayed.raw'))
  const scratch = new Scratch(work, availableParallelism())
  try {
    const areas = areasOf(original.gpt, options.size)
    const plan = planCuts(log.entries, areas, options)
    const tried: Tried[] = []
    let examined = -1 // entries whose effect on every partition was examined; -1: not even the beginning
    for (const cut of plan.cuts) {
      const aspects = aspectsOf(log.entries, cut, examined, areas)
      if (cut.landed.length === 0) examined = cut.durable
      const disk = await scratch.take()
      const files = { disk, state: `${disk}.state` }
      await replay.make(cut, disk, replay.whole, stretchesOf(aspects, areas))
      if (aspects.state) await replay.make(cut, files.state, areas.state)
      scratch.use(disk, async () => {
        tried.push({ cut, seen: await examineDisk(files, original, aspects, options.tools) })
        if (tried.length % NOTE_EVERY === 0) options.note?.(`${tried.length} of ${plan.cuts.length} cuts`)
      })
    }
    await scratch.idle()
    const rootWrites = log.entries.filter(entry => touchesAny(entry, areas.roots)).length
    return { flushes: plan.flushes, criticalFlushes: plan.critical, tried, rootWrites }
  } finally {
    await scratch.idle().catch(() => undefined) // the first error is on its way already
    await replay.close()
    await log.file.close()
    await scratch.remove()
    await rm(join(work, 'replayed.raw'), { force: true })
  }
}

/** Parts of the disk that are looked at in different ways. */
interface Areas {
  tables: Stretch[]
  esp: Stretch
  /** To the end of the disk, where its partition ends after it has grown. */
  state: Stretch
  roots: Stretch[]
}

function areasOf(gpt: Gpt, size: number): Areas {
  const { offset } = partitionOf(gpt, 'STATE')
  return {
    tables: [
      { offset: 0, size: TABLE_BYTES },
      { offset: size - TABLE_BYTES, size: TABLE_BYTES },
    ],
    esp: partitionOf(gpt, 'ESP'),
    state: { offset, size: size - offset },
    roots: [partitionOf(gpt, 'ROOT-A'), partitionOf(gpt, 'ROOT-B')],
  }
}

function planCuts(entries: readonly LogEntry[], areas: Areas, options: ProofOptions) {
  const random = new Random(options.seed)
  const windows = windowsOf(entries)
  const isCritical = (window: Window) =>
    writesIn(entries, window.start, window.end).some(index =>
      touchesAny(entries[index]!, [areas.esp, ...areas.tables]),
    )
  const critical = new Set(windows.filter(isCritical))
  const others = windows.filter(window => !critical.has(window))
  const chosen = new Set(random.sample(others, options.partialFlushes))
  const cuts: Cut[] = []
  for (const window of windows) {
    cuts.push({ name: `flush ${window.start}`, durable: window.start, landed: [] })
    const count = critical.has(window)
      ? options.partialCuts.critical
      : chosen.has(window)
        ? options.partialCuts.state
        : 0
    for (let index = 0; index < count; index++) cuts.push(partialCut(entries, window, random))
  }
  cuts.push(...flushCuts(entries).slice(-1))
  return { cuts, flushes: windows.length, critical: critical.size }
}

/** What a cut changed since everything was examined last: by durable writes, or by those that landed. */
function aspectsOf(entries: readonly LogEntry[], cut: Cut, examined: number, areas: Areas): Aspects {
  if (examined < 0) return { esp: true, state: true }
  const changed = [
    ...writesIn(entries, examined, cut.durable).map(index => entries[index]!),
    ...cut.landed.map(piece => entries[piece.entry]!),
  ]
  const touched = (stretch: Stretch) => changed.some(entry => touchesAny(entry, [stretch]))
  return { esp: touched(areas.esp), state: touched(areas.state) }
}

function stretchesOf(aspects: Aspects, areas: Areas): Stretch[] {
  const stateHead = { offset: areas.state.offset, size: STATE_HEAD_BYTES }
  return [...areas.tables, stateHead, ...(aspects.esp ? [areas.esp] : [])]
}

function touchesAny(entry: LogEntry, stretches: readonly Stretch[]): boolean {
  if (entry.mark) return false
  const start = entry.sector * 512
  const end = start + entry.sectors * 512
  return stretches.some(({ offset, size }) => start < offset + size && end > offset)
}
