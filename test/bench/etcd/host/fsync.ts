import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type EtcdResults, quantile } from '../results.ts'

const WRITES = 1_000
const WRITE_BYTES = 512

/** How long an append and its fdatasync take, within a file that has its blocks: the floor below every write. */
export function measureFsync(folder: string): EtcdResults['fsync'] {
  const path = join(folder, 'fsync')
  const file = openSync(path, 'w')
  try {
    writeSync(file, Buffer.alloc(WRITES * WRITE_BYTES))
    fdatasyncSync(file)
    const piece = Buffer.alloc(WRITE_BYTES, 'x')
    const times = Array.from({ length: WRITES }, (_, number) => {
      const started = performance.now()
      writeSync(file, piece, 0, WRITE_BYTES, number * WRITE_BYTES)
      fdatasyncSync(file)
      return performance.now() - started
    })
    return { p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99), maxMs: Math.max(...times) }
  } finally {
    closeSync(file)
    rmSync(path)
  }
}
