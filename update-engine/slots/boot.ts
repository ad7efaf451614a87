import type { SlotName } from './state.ts'

/** What the kernel command line says of this boot. */
export interface Boot {
  /** Undefined on a machine that runs from memory (PXE). */
  slot: SlotName | undefined
  /** No slot had tries left when it began. */
  lastResort: boolean
}

/** Reads the `orlop.` words of a kernel command line. */
export function parseKernelCommandLine(text: string): Boot {
  const words = text.trim().split(/\s+/)
  const slot = words.findLast(word => word.startsWith('orlop.slot='))?.slice('orlop.slot='.length)
  return {
    slot: slot === 'a' || slot === 'b' ? slot : undefined,
    lastResort: words.includes('orlop.lastresort=1'),
  }
}
