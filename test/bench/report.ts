import type { HostFacts } from './host.ts'
import type { Phase } from './timing.ts'

/** What `npm run bench:image` found; the text of bench-results/image.json. Absent: not measured this time. */
export interface ImageResults {
  imageBytesRaw: number
  /** Bytes that the sparse file takes on disk. */
  imageBytesAllocated: number
  imageBytesZstd?: number
  /** Of the compressed root with its hash tree, kernel, initrd. */
  rootBytes: number
  kernelBytes: number
  initrdBytes: number
  binaryBytes: number
  bundleBytes: number
  binaryStartMs: { min: number; median: number }
  buildColdSeconds?: number
  /** Of the cold build, in the order in which they ended. */
  buildColdPhases?: Phase[]
  buildWarmSeconds: number
  /** Medians; the single boots beside them. */
  bootToLoginSeconds?: number
  bootCompleteSeconds?: number
  boots?: { login: number; complete: number }[]
  idleMemoryMiB?: number
  /** Seconds to boot-complete with 512 MiB of memory. */
  bootComplete512MiBSeconds?: number
  /** Uncompressed bytes in the root by component. */
  components: Record<string, number>
  machine: HostFacts
}

/** Bounds that the image is built to. */
export const GOALS = { zstdBytes: 180e6, idleMemoryMiB: 200, bootToLoginSeconds: 24 }

/** Components shown by name; the rest is one line. */
const COMPONENTS_MAX = 14

/** The tables for docs/numbers.md. */
export function formatResults(results: ImageResults): string {
  const { machine } = results
  const lines = [
    `Measured on ${machine.cores} cores of ${machine.cpu}, ${machine.memoryMiB} MiB of memory, Linux ${machine.kernel}, ` +
      `guests under ${machine.accelerator.toUpperCase()}, Node ${machine.node}; load before the measurement ${machine.loadBefore}.`,
    '',
    '| what | measured | goal |',
    '|---|---:|---:|',
    ...rows(results).map(([what, measured, goal]) => `| ${what} | ${measured} | ${goal ?? ''} |`),
    '',
    '| in the root, uncompressed | MB |',
    '|---|---:|',
    ...componentRows(results.components).map(([name, bytes]) => `| ${name} | ${(bytes / 1e6).toFixed(1)} |`),
  ]
  if (results.buildColdPhases !== undefined) {
    lines.push('', '| phase of the cold build | s |', '|---|---:|')
    for (const { title, seconds } of results.buildColdPhases)
      if (seconds >= 1) lines.push(`| ${title} | ${seconds.toFixed(0)} |`)
  }
  return lines.join('\n')
}

/** Replaces what stands between the markers of a bench; the rest of the page is written by people. */
export function replaceTable(page: string, table: string, bench = 'image'): string {
  const [first, last] = [`<!-- bench:${bench} -->`, `<!-- /bench:${bench} -->`]
  const begin = page.indexOf(first)
  const end = page.indexOf(last)
  if (begin < 0 || end < begin) throw new Error(`docs/numbers.md lacks ${first} … ${last}`)
  return `${page.slice(0, begin + first.length)}\n\n${table}\n\n${page.slice(end)}`
}

/** A run that left parts out keeps what an earlier one found for them on the same kind of machine. */
export function mergeResults(before: Partial<ImageResults> | undefined, now: ImageResults): ImageResults {
  if (before?.machine?.cpu !== now.machine.cpu || before.machine.cores !== now.machine.cores) return now
  return { ...before, ...now }
}

type Row = [what: string, measured: string, goal?: string]

function rows(results: ImageResults): Row[] {
  const table: Row[] = [
    ['raw image', megabytes(results.imageBytesRaw)],
    ['raw image on disk (sparse)', megabytes(results.imageBytesAllocated)],
    ['raw image, zstd -19', megabytes(results.imageBytesZstd), `≤ ${GOALS.zstdBytes / 1e6} MB`],
    ['root (erofs and hash tree)', megabytes(results.rootBytes)],
    ['kernel, initrd', `${megabytes(results.kernelBytes)}, ${megabytes(results.initrdBytes)}`],
    [
      'our binary, JavaScript in it',
      `${megabytes(results.binaryBytes)}, ${(results.bundleBytes / 1000).toFixed(0)} kB`,
    ],
    [
      'start of our binary (`slotctl --help`), fastest and median',
      `${results.binaryStartMs.min.toFixed(0)} ms, ${results.binaryStartMs.median.toFixed(0)} ms`,
    ],
    ['build, nothing cached (with downloads)', seconds(results.buildColdSeconds)],
    ['build, nothing changed', seconds(results.buildWarmSeconds)],
    ['boot to login', seconds(results.bootToLoginSeconds), `≤ ${GOALS.bootToLoginSeconds} s`],
    ['boot to all services up and slot marked good', seconds(results.bootCompleteSeconds)],
    ['the same with 512 MiB of memory', seconds(results.bootComplete512MiBSeconds), 'boots'],
    [
      'memory in use when idle (1 GiB machine)',
      results.idleMemoryMiB === undefined ? '–' : `${results.idleMemoryMiB.toFixed(0)} MiB`,
      `≤ ${GOALS.idleMemoryMiB} MiB`,
    ],
  ]
  return table
}

function componentRows(components: Record<string, number>): [string, number][] {
  const all = Object.entries(components).toSorted((a, b) => b[1] - a[1])
  const rest = all.slice(COMPONENTS_MAX)
  const shown = all.slice(0, COMPONENTS_MAX)
  if (rest.length > 0) shown.push([`${rest.length} others`, rest.reduce((sum, [, bytes]) => sum + bytes, 0)])
  return [...shown, ['together', all.reduce((sum, [, bytes]) => sum + bytes, 0)]]
}

function megabytes(bytes: number | undefined): string {
  return bytes === undefined ? '–' : `${(bytes / 1e6).toFixed(1)} MB`
}

function seconds(value: number | undefined): string {
  return value === undefined ? '–' : `${value.toFixed(1)} s`
}
