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
