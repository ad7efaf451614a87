import { readdir } from 'node:fs/promises'
import { runProgram, type Target } from '../apply/host/machine.ts'

const DAY_MS = 86_400_000

/** This machine, as what plans are applied to. */
export function thisMachine(log: (line: string) => void): Target {
  return {
    root: '/',
    run: runProgram,
    chown: process.getuid?.() === 0,
    today: Math.floor(Date.now() / DAY_MS),
    log,
  }
}

/** Block devices that the kernel makes by itself. */
const NO_DISK = /^(loop|ram|zram|dm-|md|nbd)/
const SETTLE_SECONDS = 10

/**
 * Waits until udev knows the label of each disk, as a config drive is found by that. A machine with one disk has none,
 * and does not wait.
 */
export async function settleDisks(): Promise<void> {
  const disks = (await readdir('/sys/block').catch(() => [])).filter(name => !NO_DISK.test(name))
  if (disks.length > 1) await runProgram('udevadm', ['settle', `--timeout=${SETTLE_SECONDS}`])
}
