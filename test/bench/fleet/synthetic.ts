import type { Machine } from '#lib/fleet/model.ts'

/** Units that a benchmark's cluster runs. */
export const UNITS = 10_000
/** The text of each. */
export const UNIT_TEXT = '[Service]\nExecStart=/bin/sleep 1\n'
/** How long signs of life and states live, as by default. */
export const TTL_MS = 30_000

/** The n-th machine. */
export function machineOf(n: number): Machine {
  const id = String(n).padStart(32, '0')
  return {
    id,
    ip: `10.${n >> 8}.${n & 255}.1`,
    metadata: {},
    version: 'v1',
    capacity: { memoryBytes: 0, cpuMillis: 0 },
    boot: '',
    api: '',
  }
}

/** The n-th unit's name. */
export function nameOf(n: number): string {
  return `unit@${String(n).padStart(5, '0')}.service`
}
