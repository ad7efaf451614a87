import { PerformanceObserver } from 'node:perf_hooks'
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'

/** Of the space where objects begin; V8 has two halves of it and may use one at a time. */
const HALF_BYTES = 4 * 1024 * 1024
const SPACE = 'new_space'

/**
 * Keeps the space for new objects small for as long as the process lives. By itself V8 lets its halves grow to 32 MiB
 * each. What a write to etcd leaves behind lives on (node, event, entry), so all of it is copied when a half is full: with a
 * large one clients wait 10 ms and more now and then, with a small one 1 to 2 ms more often, for the same work in all;
 * and memory is less by 90 MiB. The size itself can be set on the command line only, by how much it grows at any time.
 *
 * It changes in collections only, so a look after each is enough, and is not late however busy the processor: what one
 * turn of the event loop makes is all that it can grow by meanwhile.
 *
 * Nor are helper threads asked for so little to copy: they would have to be woken, and waited for where processors are
 * few.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--no-parallel-scavenge')
  let mayGrow = true
  const look = (): void => {
    // When nothing is to be done V8 gives the space back, after which it must grow again.
    const isSmall = sizeOfSpace() < 2 * HALF_BYTES
    if (isSmall === mayGrow) return
    mayGrow = isSmall
    setFlagsFromString(`--semi-space-growth-factor=${isSmall ? 2 : 1}`)
  }
  look()
  new PerformanceObserver(look).observe({ entryTypes: ['gc'] })
}

/** Bytes of both halves. */
function sizeOfSpace(): number {
  for (const { space_name: name, space_size: bytes } of getHeapSpaceStatistics())
    if (name === SPACE) return bytes
  return 0
}
