import { spawn } from 'node:child_process'
import type { Binary } from './binary.ts'

/** What the single binary costs. */
export interface BinaryMeasure {
  /** Bytes of JavaScript in it. */
  bundleBytes: number
  /** Bytes of the whole, with Node. */
  binaryBytes: number
  /** Milliseconds from starting a program to its end, for one that only prints its help. */
  startMs: { min: number; median: number }
}

/** How many starts are measured; one more before them warms the page cache. */
const RUNS = 15

/**
 * Measures the start of a packed binary.
 *
 * @param program one of its programs; it is called with `--help`
 * @throws Error when it does not end with status 0
 */
export async function measureBinary(
  binary: Pick<Binary, 'path' | 'size' | 'bundleBytes'>,
  program = 'slotctl',
): Promise<BinaryMeasure> {
  await timeStart(binary.path, program)
  const times: number[] = []
  for (let run = 0; run < RUNS; run++) times.push(await timeStart(binary.path, program))
  times.sort((a, b) => a - b)
  return {
    bundleBytes: binary.bundleBytes,
    binaryBytes: binary.size,
    startMs: { min: times[0]!, median: times[RUNS >> 1]! },
  }
}

async function timeStart(path: string, program: string): Promise<number> {
  const begin = performance.now()
  const child = spawn(path, ['--help'], { argv0: program, stdio: 'ignore' })
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', resolve)
  })
  if (status !== 0) throw new Error(`${program} --help of ${path} ended with status ${status}`)
  return performance.now() - begin
}
